# SPDX-License-Identifier: GPL-2.0-only
"""Instructions in user space for each request, counted by callgrind.

Two runs with different numbers of requests give the slope: start-up and shut-down cancel out.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from lp_build.bench.builds import Programs
from lp_build.bench.report import Part, new_table
from lp_build.bench.servers import CONNECTIONS, Server
from lp_build.bench.spread import ratio
from lp_build.errors import LakePlacidError
from lp_build.statistics import read_run

FEW, MANY = 200, 1200
ELITE = {"LP_ELITE": "inprocess"}
PLAIN = "plain"
# How each build is called in tables.
LABELS = {
    PLAIN: "plain",
    "plain_fixed": "plain, not position-independent",
    "fallback": "specialised, LP_ELITE=off (Fallback)",
    "elite": "specialised, LP_ELITE=inprocess (Elite)",
    "thesis": "the thesis's Fallback",
    "scouted": "scouting",
}
# Under valgrind a program may set its limit of descriptors to nothing but the hard one, of which
# valgrind keeps 12 for itself.
_LIMIT = ("prlimit", f"--nofile={CONNECTIONS + 12}")
_NAMED = re.compile(r"\((\d+)\)(?: (.*))?")
_SHARED = re.compile(r"\.so(\.|$)")
_COST = re.compile(r"^(?:[+-]?\d+|\*) (\d+)")


@dataclass(frozen=True)
class Count:
    """Instructions: all in user space, and those in no shared library. (Not those of one object:
    valgrind knows only sections that it expects, and Elite's text is not among them.)"""

    all: float
    program: float

    def slope(self, few: Count, requests: int) -> Count:
        """What each of `requests` more requests than in `few` took."""
        return Count((self.all - few.all) / requests, (self.program - few.program) / requests)


def parse_callgrind(text: str) -> Count:
    """Add up the own costs in a callgrind.out of one event. Raises LakePlacidError when there are
    none."""
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    current = ""
    skip = False
    for line in text.splitlines():
        if line.startswith("ob=") or line.startswith("cob="):
            match = _NAMED.match(line.partition("=")[2])
            if match is None:
                continue
            number, name = match.groups()
            if name is not None:
                names[number] = name
            if line.startswith("ob="):
                current = names.get(number, "")
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of what was called
        elif match := _COST.match(line):
            if not skip:
                costs[current] += int(match.group(1))
            skip = False
    if not costs:
        raise LakePlacidError(
            "callgrind counted nothing", remedy="run the server under callgrind by hand"
        )
    own = sum(cost for name, cost in costs.items() if not _SHARED.search(name))
    return Count(sum(costs.values()), own)


def count_run(
    server: Server, program: Path, requests: int, environment: Mapping[str, str]
) -> dict[str, Count]:
    """The instructions of one run with `requests` requests, by thread. Raises LakePlacidError
    without valgrind or when callgrind left no result."""
    if shutil.which("valgrind") is None:
        raise LakePlacidError("valgrind is missing", remedy="apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        options = ["--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
        prefix = [*_LIMIT, "valgrind", "-q", *options]
        with server.running(program, environment, prefix) as running:
            server.load(running.port, requests)
        # A file for each thread (`…-01`, in the order of their start), and an empty one.
        found = {
            path.suffix: parse_callgrind(path.read_text(encoding="utf-8", errors="replace"))
            for path in sorted(Path(folder).glob(f"{out.name}-*"))
        }
    if not found:
        raise LakePlacidError(
            "callgrind left no result", file=str(program), remedy="run it under callgrind by hand"
        )
    return found


def busiest_slope(few: Mapping[str, Count], many: Mapping[str, Count], requests: int) -> Count:
    """What `requests` more requests took the thread that serves them: the one that they made most
    of a difference to. Others work by the clock."""
    slopes = [count.slope(few[thread], requests) for thread, count in many.items() if thread in few]
    return max(slopes, key=lambda slope: slope.all)


def instructions_per_request(
    server: Server, program: Path, environment: Mapping[str, str] | None = None
) -> Count:
    """The slope between a short and a long run."""
    few = count_run(server, program, FEW, environment or {})
    many = count_run(server, program, MANY, environment or {})
    return busiest_slope(few, many, MANY - FEW)


@dataclass(frozen=True)
class Text:
    """Bytes of Elite's text and of all text, and of the counted requests the share that finished
    in Elite."""

    elite: int
    all: int
    finished: float


def read_text(server: Server, program: Path, requests: int = MANY) -> Text:
    """Run the specialised program and read its LP_STATS. Raises LakePlacidError without them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stats.json"
        with server.running(program, {**ELITE, "LP_STATS": str(path)}) as running:
            server.load(running.port, requests)
        run = read_run(path)
        return Text(run.elite_text, run.text, run.share)


@dataclass(frozen=True)
class ServerCosts:
    """One server: instructions a request by build, and its text."""

    name: str
    costs: Mapping[str, Count]
    text: Text

    def ratios(self, build: str) -> Count:
        """How many times the plain build's."""
        one, base = self.costs[build], self.costs[PLAIN]
        return Count(ratio(one.all, base.all), ratio(one.program, base.program))


def measure(programs: Sequence[Programs], say: Callable[[str], None]) -> Part:
    """Count all builds of all servers."""
    return report([_measure_server(one, say) for one in programs])


def _measure_server(programs: Programs, say: Callable[[str], None]) -> ServerCosts:
    runs: dict[str, tuple[Path, Mapping[str, str]]] = {
        PLAIN: (programs.plain, {}),
        "plain_fixed": (programs.plain_fixed, {}),
        "fallback": (programs.elite, {"LP_ELITE": "off"}),
        "elite": (programs.elite, ELITE),
        "thesis": (programs.thesis, {}),
        "scouted": (programs.scouted, {}),
    }
    server = programs.server
    costs = {}
    with tempfile.TemporaryDirectory() as traces:
        for build, (program, environment) in runs.items():
            say(f"{server.name}: counting instructions: {LABELS[build]}")
            settings = {**environment, "LP_TRACE_DIR": traces}
            costs[build] = instructions_per_request(server, program, settings)
    return ServerCosts(server.name, costs, read_text(server, programs.elite))


def report(servers: Sequence[ServerCosts]) -> Part:
    """The part of the report; figures are the worst over the servers."""
    keys = {
        "fallback": "fallback_instructions_ratio",
        "thesis": "thesis_fallback_instructions_ratio",
        "elite": "elite_instructions_ratio",
    }
    figures = {key: max(one.ratios(build).all for one in servers) for build, key in keys.items()}
    figures["elite_text_share"] = max(ratio(one.text.elite, one.text.all) for one in servers)
    details = {
        one.name: {
            "requests": MANY - FEW,
            "per_request": {
                build: {
                    "instructions": cost.all,
                    "in_program": cost.program,
                    "ratio": one.ratios(build).all,
                    "ratio_in_program": one.ratios(build).program,
                }
                for build, cost in one.costs.items()
            },
            "elite_text_bytes": one.text.elite,
            "text_bytes": one.text.all,
            "finished_in_elite": one.text.finished,
        }
        for one in servers
    }
    notes = (
        "instructions: user space, for each GET of one key in lock step; the slope between runs of "
        f"{FEW} and {MANY} requests, by callgrind; figures are the worst over the servers",
        'instructions: all builds use libc\'s allocator (allocator = "system"), so that code is '
        "compared and not allocators; of memcached, the serving thread is counted",
    )
    return Part("instructions", figures, details, tuple(_tables(servers)), notes)


def _tables(servers: Sequence[ServerCosts]) -> list[Table]:
    tables = []
    columns = ("instructions", "ratio", "in the program", "ratio")
    for one in servers:
        table = new_table(f"{one.name}: instructions a request", "build", *columns)
        for build, cost in one.costs.items():
            ratios = one.ratios(build)
            table.add_row(
                LABELS[build],
                f"{cost.all:,.1f}",
                f"{ratios.all:.4f}",
                f"{cost.program:,.1f}",
                f"{ratios.program:.4f}",
            )
        tables.append(table)
    text = new_table(
        "Elite text", "server", "Elite bytes", "all text", "share", "finished in Elite"
    )
    for one in servers:
        share = ratio(one.text.elite, one.text.all)
        text.add_row(
            one.name,
            f"{one.text.elite:,}",
            f"{one.text.all:,}",
            f"{share:.2%}",
            f"{one.text.finished:.2%}",
        )
    return [*tables, text]
