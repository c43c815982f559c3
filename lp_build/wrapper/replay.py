# SPDX-License-Identifier: GPL-2.0-only
"""`lp-wrap --log` and `--trace`: run the compilers, archivers and linkers that a log tells of once
more, through ours, where a build that is done has left its files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lp_build.compile.environment import Session, without_shims
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem
from lp_build.processes import run_passing, run_quietly
from lp_build.store.archives import read_archive
from lp_build.store.problems import renew
from lp_build.wrapper.buildlog import BuildLog, LoggedCommand, read_log
from lp_build.wrapper.shims import shim_for

_SHOWN = 400  # characters of a failed command's output in the report


@dataclass(frozen=True)
class Replay:
    """What came of a log: commands run, and those that could not be, with the reasons."""

    commands: int
    problems: tuple[Problem, ...]


def load_log(path: str) -> BuildLog:
    """Read a log of a build in the current folder; `-`: from standard input. Raises
    LakePlacidError."""
    try:
        data = Path("/dev/stdin" if path == "-" else path).read_bytes()
    except OSError as error:
        raise LakePlacidError(
            f"cannot read the build's log: {error.strerror}",
            file=path,
            remedy="make one: `make V=1 2>&1 | tee build.log`",
        ) from error
    return _checked(read_log(data.decode("utf-8", "surrogateescape"), path, os.getcwd()), path)


def run_make(build: BuildDir, command: Sequence[str]) -> tuple[int, BuildLog | None]:
    """Let GNU make build, and say all that it runs, silent or not: its status, and the log of a
    build that succeeded. Raises LakePlacidError, or OSError where it can't be started."""
    path = build.path / "build.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as log:
        status = run_passing([*command, "-w", "--trace"], os.environ, log)
    return status, load_log(str(path)) if status == 0 else None


def _checked(log: BuildLog, name: str) -> BuildLog:
    if not log.commands:
        raise LakePlacidError(
            "no command in it calls a compiler that we know",
            file=name,
            remedy="the build may be up to date, or hide its commands: `make clean`, and `make V=1`"
            " (or VERBOSE=1) for a log, or `lp-wrap --trace make`",
        )
    return log


def replay(session: Session, log: BuildLog, environment: Mapping[str, str]) -> Replay:
    """Run a log's commands, compiles side by side, in the environment of a wrapped build. What
    fails is left as the build made it, and reported."""
    problems = list(log.problems)
    _clear_archives(log.commands)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for batch in _batches(log.commands):
            done = pool.map(lambda c: _run(session, c, environment), batch)
            problems += [problem for problem in done if problem is not None]
    renew(session.build, session.phase, "", problems)
    return Replay(len(log.commands), tuple(problems))


def _clear_archives(commands: Sequence[LoggedCommand]) -> None:
    """Remove the archives that the log makes whole: `ar q`, as CMake has it, would put our members
    behind the plain ones of the same names."""
    members: dict[str, set[str]] = {}
    for command in commands:
        words = command.words[command.program + 1 :]
        if command.kind == "ar" and len(words) > 2 and "q" in words[0]:
            archive = os.path.join(command.cwd, words[1])
            members.setdefault(archive, set()).update(map(os.path.basename, words[2:]))
    for archive, names in members.items():
        path = Path(archive)
        if path.is_file() and {os.path.basename(m.name) for m in read_archive(path)} <= names:
            path.unlink()


def _batches(commands: Sequence[LoggedCommand]) -> Iterator[list[LoggedCommand]]:
    """Commands that may run side by side: compiles that follow each other."""
    batch: list[LoggedCommand] = []
    for command in commands:
        if batch and not (command.is_compile and batch[-1].is_compile):
            yield batch
            batch = []
        batch.append(command)
    if batch:
        yield batch


def _run(
    session: Session, command: LoggedCommand, environment: Mapping[str, str]
) -> Problem | None:
    where = " ".join(command.words)[:_SHOWN]
    words = list(command.words)
    tool = words[command.program]
    real = shutil.which(
        os.path.join(command.cwd, tool) if "/" in tool else tool, path=without_shims(environment)
    )
    if real is None or not os.path.isdir(command.cwd):
        return Problem(command.cwd, 1, f"`{where}` cannot be run again: there is no such {tool}")
    words[command.program] = str(shim_for(session.build, command.kind, real))
    done = run_quietly(words, command.cwd, environment)
    if done.status == 0:
        return None
    said = done.output.strip()[-_SHOWN:]
    return Problem(command.cwd, 1, f"`{where}` fails when it is run again: {said}")
