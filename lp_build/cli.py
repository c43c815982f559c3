# SPDX-License-Identifier: GPL-2.0-only
"""`lp`: one command, its subcommands found and imported only when they are called."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from dataclasses import dataclass

from lp_build.errors import reported


@dataclass(frozen=True)
class Subcommand:
    """A subcommand: the module whose `main(argv) -> int` runs it (or `module:function`), and a line
    of help. plain: it takes the words of another tool, and has no arguments of its own."""

    module: str
    help: str
    plain: bool = False

    def run(self, arguments: list[str]) -> int:
        """Run it; its exit status."""
        module, _, function = self.module.partition(":")
        return int(getattr(importlib.import_module(module), function or "main")(arguments))

    def parser(self) -> argparse.ArgumentParser:
        """Its arguments, for manuals and completion: the module's `make_parser()`, or
        `make_FUNCTION_parser()`."""
        module, _, function = self.module.partition(":")
        name = f"make_{function}_parser" if function else "make_parser"
        made = getattr(importlib.import_module(module), name)()
        assert isinstance(made, argparse.ArgumentParser)
        return made


SUBCOMMANDS = {
    "doctor": Subcommand("lp_build.doctor.command", "say what this machine lacks, and the remedy"),
    "init": Subcommand("lp_build.init.command", "propose lp.toml from a survey of a run"),
    "wrap": Subcommand("lp_build.wrapper.wrap", "run a build with our compilers and archivers"),
    "manifest": Subcommand("lp_build.rebuild.decide", "decide from traces what is Elite"),
    "build": Subcommand("lp_build.rebuild.command", "make the specialised program again"),
    "report": Subcommand("lp_build.report.command", "write what is Elite, what is not, and why"),
    "check": Subcommand("lp_build.report.check", "fail when less is Elite than before (for CI)"),
    "top": Subcommand("lp_build.top.command", "watch a specialised server while it runs"),
    "load": Subcommand("lp_build.kernel_module.load:load", "load the driver and programs' modules"),
    "unload": Subcommand("lp_build.kernel_module.load:unload", "unload them"),
    "status": Subcommand(
        "lp_build.kernel_module.load:status", "what is loaded, and what it has done"
    ),
    "bench": Subcommand("lp_build.bench.command", "measure the figures of the reference"),
    "demo": Subcommand("lp_build.demo.command", "build, scout, specialise and run a small server"),
    "cc": Subcommand(
        "lp_build.wrapper.cc", "compile as the build's compiler would (see lp-cc)", True
    ),
    "tool": Subcommand(
        "lp_build.compile.tools", "archive, strip and so on, and take note of it", True
    ),
    "completion": Subcommand("lp_build.completion.command", "print completion for bash or zsh"),
    "vm": Subcommand("lp_build.vm.command", "run a command on a stock kernel in QEMU"),
}


def usage() -> str:
    """The text of `lp --help`."""
    rows = [f"  {name:<10} {command.help}" for name, command in SUBCOMMANDS.items()]
    return "\n".join(
        [
            "usage: lp COMMAND [ARGUMENTS]",
            "",
            *rows,
            "",
            "`lp COMMAND --help` tells more.",
        ]
    )


def _hint(name: str) -> str:
    """Which command was meant, where one is near."""
    near = difflib.get_close_matches(name.lower(), SUBCOMMANDS, n=1)
    return f"; do you mean `lp {near[0]}`?" if near else ""


def _show(text: str) -> int:
    print(text)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run `lp`; return its exit status: 0, 1 for an error that was reported, 2 for wrong usage."""
    arguments = sys.argv[1:] if argv is None else argv
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        return reported(lambda: _show(usage()))
    if name == "--version":
        from importlib.metadata import version

        from lp_build.formats import told

        return reported(lambda: _show(told(version("lakeplacid"))))
    command = SUBCOMMANDS.get(name)
    if command is None:
        print(f"lp: no such command: {name}{_hint(name)}\n\n{usage()}", file=sys.stderr)
        return 2
    return reported(lambda: command.run(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main())
