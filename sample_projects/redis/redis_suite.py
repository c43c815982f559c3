# SPDX-License-Identifier: GPL-2.0-only
"""redis's own tests (`./runtest`, in Tcl), unit by unit, and how two runs of them compare."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.serving import free_port
from lp_build.steps import run_timed

TIMEOUT = 300.0  # seconds for one unit
GUEST_TIMEOUT = 3600.0  # the same, emulated
# All that need no cluster and no TLS.
UNITS = (
    "unit/type/string", "unit/type/incr", "unit/type/list", "unit/type/set", "unit/type/hash",
    "unit/type/zset", "unit/keyspace", "unit/protocol", "unit/auth", "unit/expire", "unit/multi",
    "unit/quit", "unit/scan", "unit/bitops", "unit/pubsub", "unit/scripting", "unit/info",
    "unit/info-command", "unit/type/list-2", "unit/type/stream", "unit/type/stream-cgroups",
    "unit/sort", "unit/other", "unit/dump", "unit/type/list-3", "unit/aofrw", "unit/acl",
    "unit/acl-v2", "unit/latency-monitor", "unit/pubsubshard", "unit/slowlog", "unit/functions",
    "unit/maxmemory", "unit/introspection", "unit/introspection-2", "unit/limits",
    "unit/obuf-limits", "unit/bitfield", "unit/geo", "unit/memefficiency", "unit/hyperloglog",
    "unit/lazyfree", "unit/wait", "unit/pause", "unit/querybuf", "unit/pendingquerybuf",
    "unit/tracking", "unit/oom-score-adj", "unit/shutdown", "unit/networking",
    "unit/client-eviction", "unit/violations", "unit/replybufsize", "unit/printver",
)  # fmt: skip
# Those that an emulated machine can do in a quarter of an hour.
GUEST_UNITS = (
    "unit/type/incr", "unit/keyspace", "unit/protocol", "unit/auth", "unit/quit", "unit/pubsub",
)  # fmt: skip
# Slow tests, and those of active defragmentation, which jemalloc alone has: they want a busy server
# to answer within 30 ms, which the plain build doesn't on a machine with other work.
LEFT_OUT = ("-slow", "-defrag")
PROGRAMS = ("redis-cli", "redis-benchmark")
NAMES = ("redis-sentinel", "redis-check-rdb", "redis-check-aof")  # by which the server is called
COLOUR = re.compile(r"\x1b\[[\d;]*m")
RESULT = re.compile(r"^\[(ok|err|exception|skip|ignore|timeout)\]: (.*)$", re.MULTILINE)
DURATION = re.compile(r" \(\d+ ms\)$")
PLACE = re.compile(r" in tests/\S+\.tcl$")


@dataclass(frozen=True)
class UnitResult:
    """One unit. tests: each test's name and status ("ok", "err", …) in their order; whole: the run
    came to its end; note: the end of its output, where something failed."""

    name: str
    tests: tuple[tuple[str, str], ...]
    whole: bool
    note: str = ""
    seconds: float = 0.0
    attempts: int = 1

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> UnitResult:
        """One of `dataclasses.asdict`, by way of JSON."""
        tests = tuple((name, status) for name, status in data["tests"])
        return cls(**{**data, "tests": tests})

    @property
    def good(self) -> bool:
        """Nothing failed."""
        return self.whole and all(status in ("ok", "skip", "ignore") for _, status in self.tests)


def bench_folder(folder: Path, sources: Path, server: Path) -> Path:
    """Lay out `folder` so that the suite runs a copy of `server`: it looks for the programs in
    `src`, and writes below `tests`."""
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "src").mkdir(parents=True)
    shutil.copy(server, folder / "src" / "redis-server")
    for name in PROGRAMS:
        shutil.copy(sources / "src" / name, folder / "src" / name)
    for name in NAMES:
        (folder / "src" / name).symlink_to("redis-server")
    shutil.copytree(sources / "tests", folder / "tests")
    shutil.copy(sources / "runtest", folder / "runtest")
    return folder


def run_suite(
    folder: Path, units: Sequence[str], environment: Mapping[str, str], timeout: float = TIMEOUT
) -> dict[str, UnitResult]:
    """Run the units one after the other; results by unit. One that fails is run once more: some of
    these tests depend on the machine's load. The second outcome counts, `attempts` tells.
    timeout: seconds for one unit."""
    results = {}
    for unit in units:
        result = run_unit(folder, unit, environment, timeout)
        if not result.good:
            result = run_unit(folder, unit, environment, timeout, attempt=2)
        results[unit] = result
    return results


def run_unit(
    folder: Path,
    unit: str,
    environment: Mapping[str, str],
    timeout: float = TIMEOUT,
    attempt: int = 1,
) -> UnitResult:
    """Run one unit, but for the tests that are left out, in a folder made by `bench_folder`;
    whatever it leaves running in its session is killed."""
    # It looks for free ports itself from here on, and keeps clear of the ephemeral ones.
    base = 10000 + free_port() % 10000
    options = ["--clients", "1", "--tags", " ".join(LEFT_OUT), "--baseport", str(base)]
    run = run_timed(["./runtest", "--single", unit, *options], folder, environment, timeout)
    note = f"{run.note}\n" if run.note else ""
    return parse(unit, run.output, run.status, note, run.seconds, attempt)


def parse(
    unit: str, output: str, status: int, note: str = "", seconds: float = 0.0, attempt: int = 1
) -> UnitResult:
    """What `./runtest` said about one unit; status is its exit status."""
    plain = COLOUR.sub("", output)
    tests = tuple(
        (PLACE.sub("", DURATION.sub("", text)), kind) for kind, text in RESULT.findall(plain)
    )
    whole = "All tests passed without errors" in plain or "The End" in plain
    result = UnitResult(unit, tests, whole and not note, "", seconds, attempt)
    if result.good and status == 0:
        return result
    tail = note + "\n".join(plain.strip().splitlines()[-20:])
    return UnitResult(unit, tests, whole and not note and status == 0, tail, seconds, attempt)


def differences(
    plain: Mapping[str, UnitResult], other: Mapping[str, UnitResult]
) -> list[tuple[str, str, str]]:
    """Each test whose outcome is not as in the plain build: `unit: name`, that one, and this."""
    if plain.keys() != other.keys():
        raise LakePlacidError(
            f"not the same units: {sorted(plain.keys() ^ other.keys())}",
            remedy="run both variants with the same list of units",
        )
    found = []
    for unit, expected in plain.items():
        before, after = _by_test(expected), _by_test(other[unit])
        for name in [*before, *(name for name in after if name not in before)]:
            was, now = before.get(name, "not run"), after.get(name, "not run")
            if was != now:
                found.append((f"{unit}: {name}", was, now))
        if expected.whole != other[unit].whole:
            ends = ("did not end", "ended")
            found.append((f"{unit}: its end", ends[expected.whole], ends[other[unit].whole]))
    return found


def _by_test(result: UnitResult) -> dict[str, str]:
    """Outcomes by test; where several have one name, all of theirs."""
    outcomes: dict[str, list[str]] = {}
    for name, status in result.tests:
        outcomes.setdefault(name, []).append(status)
    return {name: ", ".join(statuses) for name, statuses in outcomes.items()}
