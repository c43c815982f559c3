# SPDX-License-Identifier: GPL-2.0-only
"""Run memcached's own test suite with a given server, test file by test file, and compare runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.steps import run_timed

TIMEOUT = 900.0  # seconds for one file; the slowest takes about 30 with the plain server
# How many tests these run depends on timing (in the plain server too): how many reads of stored
# items are checked before a write-out, and how many connections are refused before one is free.
VARYING = ("t/binary-extstore.t", "t/maxconns.t")
RESULT = re.compile(r"^(not )?ok (\d+)\b(?:.*# (TODO|skip)\b)?", re.IGNORECASE)
SKIPPED = re.compile(r"^1\.\.0 # skip\S*\s*(.*)", re.IGNORECASE)
# timedrun with another limit; the suite speaks to it by its process's number.
TIMEDRUN = """\
#!/bin/sh
shift
exec "${{0%/*}}/timedrun-real" {limit} "$@"
"""


@dataclass(frozen=True)
class FileResult:
    """One test file. status: "ok", "failed" or "skipped"; tests: how many ran; failed: numbers of
    those that failed; note: why it was skipped or what went wrong; seconds: wall-clock time."""

    name: str
    status: str
    tests: int = 0
    failed: tuple[int, ...] = ()
    note: str = ""
    seconds: float = 0.0
    attempts: int = 1

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> FileResult:
        """One of `dataclasses.asdict`, by way of JSON."""
        return cls(**{**data, "failed": tuple(data["failed"])})

    @property
    def outcome(self) -> tuple[str, int, tuple[int, ...]]:
        """What must be equal from run to run."""
        return self.status, 0 if self.name in VARYING else self.tests, self.failed

    def __str__(self) -> str:
        if self.status == "skipped":
            return "skipped"
        failed = f", failed {', '.join(map(str, self.failed))}" if self.failed else ""
        again = f" ({self.attempts} attempts)" if self.attempts > 1 else ""
        return f"{self.status} {self.tests}{failed}{again}"


def bench_folder(
    folder: Path, sources: Path, server: Path, timedrun: Path, limit: int | None = None
) -> Path:
    """Lay out `folder` so that the suite runs a copy of `server`: it looks for `memcached-debug`,
    `timedrun` and `t/` in the working folder.

    limit: seconds that a server may run, instead of the suite's 600; timedrun takes up to 1799.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    shutil.copy(server, folder / "memcached-debug")
    if limit is None:
        shutil.copy(timedrun, folder / "timedrun")
    else:
        shutil.copy(timedrun, folder / "timedrun-real")
        (folder / "timedrun").write_text(TIMEDRUN.format(limit=limit), encoding="ascii")
        (folder / "timedrun").chmod(0o755)
    (folder / "t").symlink_to((sources / "t").absolute())
    return folder


def suite_files(sources: Path) -> list[str]:
    """The suite's files, as paths below the working folder."""
    return sorted(f"t/{path.name}" for path in (sources / "t").glob("*.t"))


def run_suite(
    folder: Path,
    files: Sequence[str],
    environment: Mapping[str, str],
    *,
    jobs: int = 2,
    timeout: float = TIMEOUT,
    progress: Callable[[FileResult], None] | None = None,
) -> dict[str, FileResult]:
    """Run the files with `prove` in a folder made by `bench_folder`; results by file.

    environment: the whole of it. A file that fails is run once more, alone: some of these tests
    depend on the machine's load. The second outcome counts, and `attempts` tells. timeout: seconds
    for one file.
    """

    def run(file: str) -> FileResult:
        result = run_file(folder, file, environment, timeout)
        if progress:
            progress(result)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        results = {result.name: result for result in pool.map(run, files)}
    for name, result in results.items():
        if result.status == "failed":
            again = run_file(folder, name, environment, timeout, attempt=2)
            results[name] = again
            if progress:
                progress(again)
    return results


def run_file(
    folder: Path, file: str, environment: Mapping[str, str], timeout: float, attempt: int = 1
) -> FileResult:
    """Run one file with `prove`; whatever it leaves running in its session is killed, and all of
    it after `timeout` seconds."""
    run = run_timed(["prove", "--verbose", "--merge", file], folder, environment, timeout)
    return parse(file, run.output, run.status, run.note, run.seconds, attempt)


def parse(
    file: str, output: str, status: int, note: str = "", seconds: float = 0.0, attempt: int = 1
) -> FileResult:
    """What `prove --verbose` said about one file; status is its exit status."""
    tests = 0
    failed = []
    for line in output.splitlines():
        if skipped := SKIPPED.match(line):
            return FileResult(file, "skipped", note=skipped.group(1), seconds=seconds)
        if match := RESULT.match(line):
            tests += 1
            if match.group(1) and (match.group(3) or "").upper() != "TODO":
                failed.append(int(match.group(2)))
    good = status == 0 and not failed and not note
    if not good and not note:
        note = "\n".join(output.splitlines()[-12:])
    return FileResult(
        file, "ok" if good else "failed", tests, tuple(failed), note, seconds, attempt
    )


def differences(
    plain: Mapping[str, FileResult], other: Mapping[str, FileResult]
) -> list[tuple[FileResult, FileResult]]:
    """The files whose outcome is not that of the plain server."""
    if plain.keys() != other.keys():
        raise LakePlacidError(
            f"not the same files: {sorted(plain.keys() ^ other.keys())}",
            remedy="run both variants with the same list of files",
        )
    return [
        (plain[name], other[name]) for name in plain if plain[name].outcome != other[name].outcome
    ]
