#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make what is made of the code's own definitions: of the commands, manual pages, completion for
shells and their part of docs/reference.md; of the keys of lp.toml, the tables of README.md and
docs/reference.md; of the kernels, the table of docs/vm.md.

usage: .venv/bin/python scripts/manual.py (after scripts/set-up.sh test; `make manual`)
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_type_hints

import shtab
from argparse_manpage.manpage import Manpage

from lp_build.cli import SUBCOMMANDS, Subcommand
from lp_build.config import Config, key_of
from lp_build.kernels.versions import VERSIONS

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- made by scripts/manual.py: {} -->"
_SEE = "lp(1), lp-wrap(1), lp-cc(1)"
_ABOUT = {
    "lp": "runs the hot path of a C server as Elite code",
    "lp-cc": "the compiler of a build under lp-wrap",
}
_DATA = {
    "project_name": "LakePlacid",
    "version": "",
    "url": "",
    "author": None,
    "authors": [],
    "format": "pretty",
    "manual_section": 1,
    "manual_title": "LakePlacid",
}

_TYPES: dict[object, str] = {
    str: "string",
    str | None: "string",
    int: "integer",
    float: "number",
    Sequence[str]: "list of strings",
}


def commands() -> dict[str, Subcommand]:
    """The commands with arguments of their own."""
    return {name: command for name, command in SUBCOMMANDS.items() if not command.plain}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """What there is a manual page of, by the page's name."""
    found = {f"lp-{name}": command.parser() for name, command in commands().items()}
    return {"lp": lp_parser(), "lp-cc": cc_parser(), **found}


def lp_parser() -> argparse.ArgumentParser:
    """`lp` itself, for its page: each command is told of in a page of its own."""
    listed = "; ".join(f"{name}: {command.help}" for name, command in commands().items())
    parser = argparse.ArgumentParser(
        prog="lp",
        usage="lp COMMAND [ARGUMENTS]",
        description="Find the hot path of a C server, compile it a second time as Elite code, and "
        "run it in the same process or in the kernel. The commands, each with a manual page "
        f"lp-COMMAND(1), are: {listed}.",
    )
    _add_version(parser)
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--version",
        action="store_true",
        help="print the versions: of LakePlacid, of the protocol and of the files",
    )


def cc_parser() -> argparse.ArgumentParser:
    """`lp-cc`, for its page: it takes what the compiler takes."""
    return argparse.ArgumentParser(
        prog="lp-cc",
        usage="lp-cc ARGUMENTS",
        description="The compiler, with the same exit status, diagnostics and outputs. The real "
        "one is $LP_CC, else cc. Outside of a build under lp-wrap it is the real compiler, so that "
        "configure sees nothing new: CC=lp-cc ./configure.",
        add_help=False,
    )


def whole_parser() -> argparse.ArgumentParser:
    """`lp` with all its commands, for completion."""
    parser = argparse.ArgumentParser(prog="lp", description="LakePlacid")
    _add_version(parser)
    below = parser.add_subparsers(dest="command")
    for name, command in commands().items():
        with_files(
            below.add_parser(name, parents=[command.parser()], add_help=False, help=command.help)
        )
    return parser


def with_files(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What takes a path completes files."""
    for action in parser._actions:
        if action.type is Path or action.metavar in ("FILE", "DIR"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def manual_page(name: str, parser: argparse.ArgumentParser) -> str:
    """A page in troff."""
    about = _ABOUT.get(name) or SUBCOMMANDS[name[3:]].help
    data = {**_DATA, "prog": name.replace("lp-", "lp ", 1) if name[3:] in SUBCOMMANDS else name}
    page = str(Manpage(parser, _data=data, format="pretty"))
    # Made again of the same, it is the same: without a date.
    page = re.sub(
        r"^\.TH .*$",
        f'.TH "{name.upper()}" "1" "" "LakePlacid" "LakePlacid"',
        page,
        count=1,
        flags=re.M,
    )
    # apropos goes by this line.
    dash = name.replace("-", "\\-")
    page = re.sub(
        r"^(\.SH NAME\n).*$",
        lambda match: f"{match.group(1)}{dash} \\- {about}",
        page,
        count=1,
        flags=re.M,
    )
    return page.rstrip("\n") + f"\n\n.SH SEE ALSO\n{_SEE}\n"


def reference(parser: argparse.ArgumentParser, name: str) -> str:
    """A command's part of the reference."""
    shown = "lp-wrap" if name == "wrap" else f"lp {name}"
    lines = [f"### {shown}", "", " ".join((parser.description or "").split()), ""]
    rows = [action for action in parser._actions if action.dest != "help"]
    if rows:
        lines += ["| argument | meaning |", "|---|---|"]
    lines += [f"| {_names(action)} | {_help(action)} |" for action in rows]
    return "\n".join(lines) + "\n"


def _names(action: argparse.Action) -> str:
    value = action.metavar or (
        "\\|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        many = action.nargs in ("*", "+", argparse.REMAINDER)
        return f"`{value}{' …' if many else ''}`".replace("\\|", "|").replace("|", "\\|")
    value = "" if action.nargs == 0 else f" {value}"
    return (
        ", ".join(f"`{option}{value}`" for option in action.option_strings)
        .replace("\\|", "|")
        .replace("|", "\\|")
    )


def _help(action: argparse.Action) -> str:
    # A default that is this machine's own is none of the reference's.
    text = (action.help or "").replace("%(default)s", str(action.default))
    if action.dest == "jobs":
        text = "how many at a time; default: the processors"
    return text.replace("%%", "%").replace("|", "\\|").rstrip(".")


def keys_meaning() -> str:
    """The keys of lp.toml, for those who write one."""
    rows = [f"| `{one.name}` | {key_of(one).help} | {_default(one)} |" for one in fields(Config)]
    return "\n".join(["| key | meaning | default |", "|---|---|---|", *rows, ""])


def keys_range() -> str:
    """The keys of lp.toml, and what each may be."""
    types = get_type_hints(Config)
    rows = [
        f"| `{one.name}` | {_TYPES[types[one.name]]} | {key_of(one).range} | {_default(one)} |"
        for one in fields(Config)
    ]
    return "\n".join(["| key | type | values | default |", "|---|---|---|---|", *rows, ""])


def kernels() -> str:
    """The kernels, and what is particular to each."""
    rows = [
        f"| {one.series} | `{one.packages}` in {one.where} | {one.compiler} | {one.differs} |"
        for one in VERSIONS
    ]
    head = "| kernel | Debian's packages | modules are built by | in the driver |"
    return "\n".join([head, "|---|---|---|---|", *rows, ""])


def _default(one: Field[Any]) -> str:
    if one.default is MISSING:
        return "(needed)"
    value = list(one.default) if isinstance(one.default, tuple) else one.default
    return "none" if value is None else f"`{json.dumps(value)}`"


def replaced(text: str, name: str, body: str) -> str:
    """`text` with what stands between the marks of `name` replaced."""
    begin, end = MARK.format(name), MARK.format(f"end of {name}")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{body}\n{end}{after}"


def write(root: Path) -> list[Path]:
    """Write all files below `root`; their paths."""
    os.environ["COLUMNS"] = "100"
    files: dict[Path, str] = {}
    for name, parser in parsers().items():
        files[root / "man" / f"{name}.1"] = manual_page(name, parser)
    wrap = with_files(SUBCOMMANDS["wrap"].parser())
    folder = root / "lp_build" / "completion"
    files[folder / "bash" / "lp"] = shtab.complete(whole_parser(), "bash")
    files[folder / "bash" / "lp-wrap"] = shtab.complete(wrap, "bash")
    files[folder / "zsh" / "_lp"] = shtab.complete(whole_parser(), "zsh")
    body = "\n".join(reference(command.parser(), name) for name, command in commands().items())
    parts = {
        "README.md": {"the keys of lp.toml": keys_meaning()},
        "docs/reference.md": {"commands": body, "the keys of lp.toml": keys_range()},
        "docs/vm.md": {"the kernels": kernels()},
    }
    for name, made in parts.items():
        text = (root / name).read_text(encoding="utf-8")
        for part, body in made.items():
            text = replaced(text, part, body)
        files[root / name] = text
    for target, text in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return list(files)


if __name__ == "__main__":
    for made in write(ROOT):
        print(made.relative_to(ROOT))
