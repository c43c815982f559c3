"""`lp-wrap CMD…`: run a build so that its compilers, archivers and linkers are ours."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir, find_build_dir
from lp_build.wrapper.capture import load_sites, load_units
from lp_build.wrapper.environment import PHASES, Session, real_compiler
from lp_build.wrapper.files import read_json_lines, write_whole
from lp_build.wrapper.shims import make_shims, script_folder


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lp-wrap", description="Run a build command with LakePlacid's compiler and archiver."
    )
    parser.add_argument("--phase", choices=PHASES, help="default: scout until there is a manifest")
    parser.add_argument("--stress", action="store_true", help="sites where deopts can be forced")
    parser.add_argument("--config", type=Path, help="the configuration (default: lp.toml)")
    parser.add_argument("--quiet", action="store_true", help="no summary at the end")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")
    arguments = parser.parse_args(argv)
    if arguments.command[:1] == ["--"]:
        del arguments.command[0]
    if not arguments.command:
        parser.error("no command to run, as in `lp-wrap make`")
    return arguments


def main(argv: list[str]) -> int:
    """Run the build; its exit status. Raises LakePlacidError for a bad configuration."""
    arguments = _arguments(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    if arguments.config:
        os.environ["LP_CONFIG"] = str(arguments.config.absolute())
    phase = arguments.phase or ("specialize" if build.manifest.exists() else "scout")
    session = Session(phase, build, real_compiler(os.environ), arguments.stress)
    if phase != "capture":
        session.config()
    if phase == "specialize":
        from lp_build.profile.manifest import load_manifest

        load_manifest(build.manifest)
    before = _journal_size(build)
    status = _run(arguments.command, _environment(session))
    if status == 0:
        status = _finish(session, before, quiet=arguments.quiet)
    return status


def _environment(session: Session) -> dict[str, str]:
    """The build's environment: our tools first, the phase, and where `.lp/` is."""
    build = session.build
    try:
        build.path.mkdir(parents=True, exist_ok=True)
        shims = make_shims(build)
    except OSError as error:
        raise LakePlacidError(
            f"cannot write there: {error.strerror}",
            file=str(build.path),
            remedy="make the project's folder writable, or set LP_DIR to one that is",
        ) from error
    environment = dict(os.environ)
    compiler = str(script_folder() / "lp-cc")
    environment.update(
        LP_PHASE=session.phase,
        LP_DIR=str(build.path),
        LP_SHIMS=str(shims),
        LP_BIN=str(script_folder()),
        PATH=f"{shims}{os.pathsep}{environment.get('PATH', os.defpath)}",
    )
    environment.setdefault("CC", compiler)
    environment.setdefault("AR", "ar")
    if session.stress:
        environment["LP_STRESS"] = "1"
    return environment


def _run(command: list[str], environment: dict[str, str]) -> int:
    if shutil.which(command[0], path=environment["PATH"]) is None:
        raise LakePlacidError(f"there is no command `{command[0]}`", remedy="check its name")
    process = subprocess.Popen(command, env=environment)
    # The build is in our process group: the terminal's signals reach it by themselves. One that
    # is sent to us alone is passed on.
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    while True:
        try:
            status = process.wait()
            return 128 - status if status < 0 else status
        except KeyboardInterrupt:
            continue


def _journal_size(build: BuildDir) -> int:
    return len(read_json_lines(build.steps)) + _stamp(build)


def _stamp(build: BuildDir) -> int:
    return sum(p.stat().st_mtime_ns for p in build.units.glob("*/unit.json"))


def _finish(session: Session, before: int, *, quiet: bool) -> int:
    from lp_build.wrapper.treat import missing_functions

    build = session.build
    units = load_units(build)
    _write_compile_commands(build)
    # A library that is built first, for a program to come, has no request function yet.
    linked = any(step["kind"] == "link" for step in read_json_lines(build.steps))
    if session.phase == "scout" and linked:
        missing = missing_functions(session)
        if missing:
            raise LakePlacidError(
                f"no unit of this build defines `{missing[0]}`",
                file=str(build.config),
                line=_line_of(build.config, missing[0]),
                remedy="name a function of the program's own sources, as `name` or `file.c:name`",
            )
    if quiet:
        return 0
    plain = {row["file"] for row in read_json_lines(build.report)}
    functions = sum(
        len(sites.functions) for unit in units for sites in [load_sites(build, unit)] if sites
    )
    print(
        f"lp-wrap: {session.phase}: {len(units)} units, {functions} functions looked at, "
        f"{len(plain)} files with something left plain (see {build.report})",
        file=sys.stderr,
    )
    if _journal_size(build) == before and units:
        print(
            "lp-wrap: the build compiled nothing: it was up to date. "
            "`lp build` makes the specialised program from what was captured.",
            file=sys.stderr,
        )
    return 0


def _line_of(path: Path, text: str) -> int:
    rows = path.read_text(encoding="utf-8").splitlines()
    return next((n for n, row in enumerate(rows, 1) if text in row), 1)


def _write_compile_commands(build: BuildDir) -> None:
    """`compile_commands.json` (clang's JSON Compilation Database format), as clangd reads it."""
    rows = [
        {
            "directory": unit.cwd,
            "file": unit.source,
            "output": unit.object,
            "arguments": [unit.compiler, *unit.argv],
        }
        for unit in load_units(build)
    ]
    write_whole(build.path / "compile_commands.json", json.dumps(rows, indent=1).encode())
