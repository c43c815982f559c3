# SPDX-License-Identifier: GPL-2.0-only
"""What scouting costs memcached under load: processor time of the server for each request."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.bench import builds
from lp_build.bench.report import Part, new_table
from lp_build.bench.spread import Summary, ratio, summarize
from lp_build.errors import LakePlacidError

REPEATS, REQUESTS = 5, 20_000
PLAIN, SCOUTED = "plain", "scouting"


@dataclass(frozen=True)
class Loaded:
    """One load: nanoseconds of the server's processor time for each request, and requests a
    second as the client saw them."""

    cpu_ns: float
    rate: float


def processor_time(process: int) -> int:
    """Nanoseconds that the threads of a process have run. Raises LakePlacidError where the kernel
    doesn't tell."""
    total = 0
    try:
        for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
            total += int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError) as error:
        raise LakePlacidError(
            f"the kernel does not tell threads' processor time: {error}",
            file=f"/proc/{process}/task",
            remedy="use a kernel with CONFIG_SCHED_INFO, as Debian's has",
        ) from error
    return total


def measure(work: Path, compiler: str, say: Callable[[str], None]) -> Part:
    """Load the plain and the scouting server in turns, with the load that scouting is for."""
    programs = builds.memcached(work, compiler, say)
    servers = {PLAIN: programs.plain, SCOUTED: programs.scouted}
    found: dict[str, list[Loaded]] = {name: [] for name in servers}
    say("memcached: what scouting costs it under load")
    for turn in range(REPEATS):
        for name, program in servers.items():
            say(f"  {turn + 1} of {REPEATS}: {name}")
            found[name].append(_load(program))
    return report(found)


def _load(program: Path) -> Loaded:
    recipe = builds.recipe()
    load: Any = importlib.import_module("load")
    with tempfile.TemporaryDirectory() as traces:
        environment = recipe.clean_environment(LP_TRACE_DIR=traces)
        with recipe.serve(program, environment) as server:
            load.run_load(server.port, 1000, mix=recipe.SCOUTING_MIX)  # to warm up
            before = processor_time(server.process.pid)
            result = load.run_load(server.port, REQUESTS, mix=recipe.SCOUTING_MIX)
            spent = processor_time(server.process.pid) - before
    return Loaded(spent / result.sent, result.sent / result.seconds)


def report(found: dict[str, list[Loaded]]) -> Part:
    """The part of the report."""
    cpu = {name: summarize([one.cpu_ns for one in loads]) for name, loads in found.items()}
    rate = {name: summarize([one.rate for one in loads]) for name, loads in found.items()}
    slowdown = ratio(cpu[SCOUTED].median, cpu[PLAIN].median)
    columns = ("cpu ns a request", "sd", "ratio", "requests a second")
    table = new_table("memcached under a GET-heavy load", "server", *columns)
    for name, one in cpu.items():
        table.add_row(name, *_row(one, cpu[PLAIN], rate[name]))
    details = {
        "repeats": REPEATS,
        "requests": REQUESTS,
        **{
            name: {"cpu_ns_per_request": cpu[name].to_json(), "rate": rate[name].to_json()}
            for name in found
        },
    }
    note = (
        "scouting: processor time of the server, user and system, for each request; medians of "
        f"{REPEATS} loads of {REQUESTS:,} requests over 8 connections, in turns"
    )
    return Part("scouting", {"scout_slowdown": slowdown}, details, (table,), (note,))


def _row(one: Summary, base: Summary, rate: Summary) -> list[str]:
    return [
        f"{one.median:,.0f}",
        f"{one.sd:,.0f}",
        f"{ratio(one.median, base.median):.2f}",
        f"{rate.median:,.0f}",
    ]
