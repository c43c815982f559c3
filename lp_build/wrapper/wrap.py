# SPDX-License-Identifier: GPL-2.0-only
"""`lp-wrap CMD…`: run a build so that its compilers, archivers and linkers are ours."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lp_build.compile.environment import PHASES, Session, check_launcher, real_compiler
from lp_build.compile.target import check_target
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir, find_build_dir
from lp_build.processes import exit_status, run_passing
from lp_build.store.installed import restore
from lp_build.wrapper.server import Server, make_client
from lp_build.wrapper.shims import make_shims, script_folder
from lp_build.wrapper.summary import Outcome, finish, mark

if TYPE_CHECKING:
    from lp_build.wrapper.buildlog import BuildLog

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp-wrap",
        usage="lp-wrap [--phase survey|scout|specialize|capture] [--stress] [--config lp.toml] "
        "[--quiet] [--] CMD...\n       lp-wrap [OPTIONS] --trace [--] make ...\n"
        "       lp-wrap [OPTIONS] --log FILE",
        description="Run a build command so that its compilers, archivers and linkers are "
        "LakePlacid's, as in `lp-wrap make`. What it makes lands where it always does; what "
        "LakePlacid needs of it is kept in .lp/.",
        epilog="LP_CC names the real compiler (default: the one that the build calls).",
    )
    parser.add_argument(
        "--phase",
        choices=PHASES,
        help="default: specialize where there is a manifest, else scout where there is an lp.toml, "
        "else survey, for `lp init`",
    )
    parser.add_argument(
        "--stress", action="store_true", help="a specialised program to force deopts in"
    )
    parser.add_argument("--config", type=Path, help="the configuration (default: lp.toml)")
    parser.add_argument("--quiet", action="store_true", help="no summary at the end")
    parser.add_argument(
        "--log",
        metavar="FILE",
        help="no command is run: the build has been, in this folder, and FILE is what it printed "
        "(`-`: standard input), as `make V=1` does, or what `make -n` printed before it. For "
        "compilers that are called by an absolute path",
    )
    parser.add_argument(
        "--trace",
        action="store_true",
        help="CMD is GNU make: let it say what it runs (make --trace), and go by that as by a log",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD")
    return parser


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command[:1] == ["--"]:
        del arguments.command[0]
    if arguments.log and (arguments.command or arguments.trace):
        parser.error("with --log nothing is run: name no command")
    if not arguments.command and not arguments.log:
        parser.error("no command to run, as in `lp-wrap make`")
    return arguments


def main(argv: list[str]) -> int:
    """Run the build; its exit status. Raises LakePlacidError for a bad configuration or manifest,
    and when nothing can be written to `.lp/`: before the build runs."""
    arguments = _arguments(argv)
    session = _session(arguments)
    environment = _environment(session)
    if arguments.log:
        from lp_build.wrapper.replay import load_log

        return _replay(session, load_log(arguments.log), environment, arguments.quiet)
    command: list[str] = arguments.command
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        known = Path(command[0]).exists()
        what = "cannot be run" if known else "was not found"
        remedy = "make it executable" if known else "check its name, or install it"
        print(f"lp: the command `{command[0]}` {what}\n  remedy: {remedy}", file=sys.stderr)
        return _NOT_EXECUTABLE if known else _NOT_FOUND
    if session.phase != "specialize":
        restored = ", ".join(restore(session.build))
        if restored and not arguments.quiet:
            print(f"lp-wrap: put back what lp build had replaced: {restored}", file=sys.stderr)
    before = mark(session.build)
    log = None
    try:
        if arguments.trace:
            from lp_build.wrapper.replay import run_make

            status, log = run_make(session.build, command)
        else:
            with _serving(session) as variables:
                status = run_passing(command, {**environment, **variables})
    except OSError as error:
        print(f"lp: cannot run `{command[0]}`: {error.strerror}", file=sys.stderr)
        return _NOT_EXECUTABLE
    if log is not None:
        return _replay(session, log, environment, arguments.quiet)
    if status == 0:
        _tell(finish(session, before), arguments.quiet)
    return exit_status(status)


def _say(lines: Sequence[str], quiet: bool) -> None:
    if not quiet:
        sys.stderr.writelines(f"lp-wrap: {line}\n" for line in lines)


def _tell(outcome: Outcome, quiet: bool) -> None:
    _say(outcome.lines, quiet)
    _say(outcome.warnings, False)


@contextmanager
def _serving(session: Session) -> Iterator[dict[str, str]]:
    """A server for our part in a build where there can be one, and what its environment has to
    name."""
    client = make_client(session.build)
    if client is None:
        yield {}
        return
    server = Server(client, session)
    try:
        yield server.variables
    finally:
        server.stop()


def _replay(session: Session, log: BuildLog, environment: dict[str, str], quiet: bool) -> int:
    """Run what a log tells of; the exit status."""
    from lp_build.wrapper.replay import replay

    before = mark(session.build)
    with _serving(session) as variables:
        done = replay(session, log, {**environment, **variables})
    lines = [f"{done.commands} commands of the build were run again"]
    if done.problems:
        lines.append(f"{len(done.problems)} could not be: {done.problems[0].reason}")
    _say(lines, quiet)
    _tell(finish(session, before), quiet)
    return 0


def _session(arguments: argparse.Namespace) -> Session:
    build = find_build_dir(Path.cwd(), os.environ)
    if arguments.config:
        os.environ["LP_CONFIG"] = str(arguments.config.absolute())
    phase = arguments.phase or _next_phase(build)
    check_launcher(os.environ)
    check_target(os.environ)
    session = Session(phase, build, real_compiler(os.environ), arguments.stress)
    if phase not in ("survey", "capture"):
        _ = session.config  # read now: an error is better before the build than in each unit
    if phase == "specialize":
        from lp_build.manifest.agreement import check_made_for
        from lp_build.manifest.manifest import load_manifest
        from lp_build.store.capture import captured_functions

        if not build.manifest.exists():
            raise LakePlacidError(
                "there is no manifest yet",
                file=str(build.manifest),
                remedy="scout first: `lp-wrap --phase scout …`, run the program, `lp manifest`",
            )
        manifest = load_manifest(build.manifest)
        check_made_for(build, session.config, manifest, captured_functions(build) or {})
    return session


def _next_phase(build: BuildDir) -> str:
    """What comes next for a project. A configuration that was asked for is not to be missing."""
    if build.manifest.exists():
        return "specialize"
    wanted = build.config.exists() or bool(os.environ.get("LP_CONFIG"))
    return "scout" if wanted else "survey"


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
            remedy="make the folder writable, or set LP_DIR to a folder `.lp` in one that is",
        ) from error
    environment = dict(os.environ)
    scripts = script_folder()
    environment.update(
        LP_PHASE=session.phase,
        LP_DIR=str(build.path),
        LP_SHIMS=str(shims),
        LP_BIN=str(scripts),
        PATH=f"{shims}{os.pathsep}{environment.get('PATH', os.defpath)}",
    )
    # A build that names its compiler, or was configured with another, meets ours through PATH.
    environment.setdefault("CC", str(scripts / "lp-cc"))
    for name in ("LP_STRESS", "LP_REAL_CC"):
        environment.pop(name, None)
    if session.stress:
        environment["LP_STRESS"] = "1"
    return environment
