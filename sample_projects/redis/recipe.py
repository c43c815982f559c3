# SPDX-License-Identifier: GPL-2.0-only
"""redis 7.0.15: fetch, build, scout, specialise, run, compare.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/redis` unless
`--dir` names another), in trees that README.md describes.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import redis_build as build
from redis_load import run_load, transcript
from redis_server import Server, serve
from redis_suite import (
    GUEST_UNITS,
    TIMEOUT,
    UNITS,
    UnitResult,
    bench_folder,
    differences,
    run_suite,
)
from rich.console import Console

from lp_build.statistics import read_run, totals_of
from lp_build.steps import run_step
from lp_build.trials.command import Asked, Step, argument
from lp_build.trials.compatibility import Findings, Variant
from lp_build.trials.outcomes import PLAIN, Difference, Outcomes, Suite
from lp_build.trials.recipe import (
    ELITE,
    FORCED,
    WIDE_THRESHOLD,
    CampaignRecipe,
    Progress,
    Ran,
    against_plain,
    print_share,
)
from lp_build.trials.tree import environment

SCOUTING_CONNECTIONS = (1, 3, 8)
BENCHMARK = ("-t", "set,get", "-n", "40000", "-c", "20", "--csv")
GUEST_REQUESTS = 4000  # of the load, in the guest
NOTES = (
    "The tests' configuration switches the latency monitor on (`latency-monitor-threshold "
    "1`), which scouting with GETs and SETs doesn't: every request leaves Elite in `call`, "
    "if not before. *wide*: scouted with the tests themselves. A fixed course of commands "
    "is compared besides. Servers that are killed tell no figures.",
    "`client-eviction` looks through one connection at what another has sent, without "
    "waiting until the server has read it: a slower server, as a scouted one is, fails "
    "that now and then.",
)


def throughput(program: Path, benchmark: Path, **settings: str) -> dict[str, float]:
    """Commands a second by redis-benchmark, for each command."""
    with serve(program, environment(**settings)) as server:
        command = [str(benchmark), "-p", str(server.port), *BENCHMARK]
        printed = run_step(command, server.folder, environment())
    rows = csv.DictReader(line for line in printed.splitlines() if line.startswith('"'))
    return {row["test"]: float(row["rps"]) for row in rows}


def course(program: Path, **settings: str) -> str:
    """What a server answers to a fixed course of commands, with dumps amid them."""
    with tempfile.TemporaryDirectory() as folder:
        return transcript(program, environment(**settings), Path(folder))


class Answered(Outcomes[UnitResult]):
    """Keeps what came out of redis's own tests, and by variant, what the course was answered."""

    def __init__(
        self, suite: Suite[UnitResult], show: Console | None, courses: dict[str, str]
    ) -> None:
        super().__init__(suite, show)
        self.courses = courses

    def add(
        self,
        name: str,
        results: Mapping[str, UnitResult],
        totals: Mapping[str, int],
        seconds: float = 0.0,
    ) -> None:
        """Its answers are there already."""
        super().add(name, results, totals, seconds)
        if self.courses[name] != self.courses[PLAIN]:
            self.tell(f"  {name}: the course of commands is answered otherwise")

    @property
    def same(self) -> bool:
        """The answers too."""
        return super().same and len(set(self.courses.values())) == 1


class Redis(CampaignRecipe[Server, build.RedisTree, UnitResult]):
    """redis under GETs and SETs."""

    name = "redis"
    description = (
        "redis with LakePlacid: builds, scouts, specialises and measures it, and runs "
        "its own tests with all variants; `process`: in one process, `kernel`: some of them with "
        "Elite in the kernel of a guest, `kernel-suite`: all of them there, for hours."
    )
    steps_help = "process"
    arguments = (
        argument(
            "--malloc",
            choices=build.MAKE,
            default="libc",
            help="whose heap: libc's, which LakePlacid's replaces, or jemalloc, redis's default",
        ),
        argument("--dir", help="work folder (default: .cache/redis or the like)"),
        argument("--jobs", help="of make, and variants at a time"),
        argument("--requests"),
        argument(
            "--units", dest="tests", nargs="+", metavar="UNIT", help="only these, as unit/type/set"
        ),
        argument("--minutes", help="begin no unit in the guest after so many"),
        argument("--docs", help="where compatibility/redis*.json are to be kept"),
        argument("--kernel"),
    )
    usual = ("process",)
    progress = Progress("building redis plainly", "scouting it under GETs and SETs")
    scouting_requests = 24000
    in_process = "process"
    missing = "this build of redis is not there"
    script = Path(__file__).with_name("redis_guest.py")
    guest_tests = GUEST_UNITS
    guest_timeout = 24 * 3600.0
    guest_memory = 3072  # some of its tests fill some hundred
    heads = 2  # the courses' answers

    def steps(self) -> Mapping[str, Step]:
        """By name."""
        return {"process": self.process, "kernel": self.kernel, "kernel-suite": self.kernel_suite}

    def home(self, options: argparse.Namespace) -> str:
        """One for each heap."""
        return "redis" if options.malloc == "libc" else f"redis-{options.malloc}"

    def build_plain(self, asked: Asked) -> Path:
        """redis's own build."""
        plain = build.prepare(asked.folder / "plain", asked.cache, asked.options.malloc)
        build.build_plain(plain, asked.options.jobs)
        return plain.built

    def build_scouted(self, asked: Asked) -> build.RedisTree:
        """The same, wrapped."""
        tree = build.prepare(asked.folder / "server", asked.cache, asked.options.malloc)
        build.build_scouted(tree, asked.options.jobs)
        return tree

    def serve(
        self, program: Path, environment: Mapping[str, str]
    ) -> AbstractContextManager[Server]:
        """In a temporary folder."""
        return serve(program, environment)

    def scouting_load(self, port: int, requests: int) -> None:
        """GETs and SETs over few and some connections."""
        for connections in SCOUTING_CONNECTIONS:
            run_load(port, requests // len(SCOUTING_CONNECTIONS), connections=connections)

    def process(self, asked: Asked) -> bool:
        """The step: in one process, measure, and compare all variants. Return whether all is as it
        must be."""
        plain, tree = self.prepared(asked)
        elite, stress = tree.specialize(), tree.specialize(stress=True)
        found = self.measure(elite, lambda port: run_load(port, asked.options.requests, seed=2))
        console = Console(highlight=False)
        enough = print_share(found, console)
        benchmark = plain.with_name("redis-benchmark")
        settings: list[tuple[Path, Mapping[str, str]]] = [(plain, {}), (elite, {}), (elite, ELITE)]
        rates = [throughput(program, benchmark, **one) for program, one in settings]
        table = against_plain("redis-benchmark, commands a second")
        for test in rates[0]:
            table.add_row(test, *[f"{rate[test]:,.0f}" for rate in rates])
        console.print(table)

        traces = asked.folder / "suite-traces"
        shutil.rmtree(traces, ignore_errors=True)
        traces.mkdir()
        variants: list[tuple[str, Path, Mapping[str, str]]] = [
            (PLAIN, plain, {}),
            ("scouted", tree.built, {"LP_TRACE_DIR": str(traces)}),
            ("specialised, Elite off", elite, {}),
            ("specialised", elite, ELITE),
            *((f"forced {force}", stress, {**ELITE, "LP_FORCE_DEOPT": force}) for force in FORCED),
        ]
        outcomes = Answered(self, asked.show, {})
        run_variants(asked, outcomes, variants)
        asked.say("specialising it for what its tests do")
        tree.manifest("--threshold", str(WIDE_THRESHOLD), str(traces))
        elite, stress = tree.specialize(), tree.specialize(stress=True)
        forced = {**ELITE, "LP_FORCE_DEOPT": FORCED[1]}
        variants = [
            ("wide, specialised", elite, ELITE),
            (f"wide, forced {FORCED[1]}", stress, forced),
        ]
        run_variants(asked, outcomes, variants)
        self.keep(asked, outcomes, Ran(UNITS))
        return enough and outcomes.same

    def left_builds(self, asked: Asked) -> tuple[Path, build.RedisTree]:
        """Those of the step `process`."""
        plain, tree = (build.RedisTree(asked.folder / name) for name in ("plain", "server"))
        return plain.built, tree

    def all_tests(self, asked: Asked) -> Sequence[str]:
        """All units."""
        return UNITS

    def guest_input(self, asked: Asked, tests: Sequence[str]) -> Mapping[str, Any]:
        """For redis_guest.py."""
        return {
            "load": GUEST_REQUESTS,
            "sources": str(build.RedisTree(asked.folder / "plain").redis),
            "units": tests,
            "seconds": asked.options.minutes * 60,
        }

    def outcomes(self, asked: Asked, heads: Sequence[Any]) -> Outcomes[UnitResult]:
        """With the answers to the course."""
        return Answered(self, asked.show, heads[1])

    def read_found(self, found: dict[str, Any]) -> tuple[UnitResult, Mapping[str, int]]:
        """A unit's."""
        totals = found.pop("totals")
        return UnitResult.read(found), totals

    def differences(
        self, plain: Mapping[str, UnitResult], other: Mapping[str, UnitResult]
    ) -> Sequence[Difference]:
        """Test by test."""
        return [
            Difference(test, f"{was}; here {now}") for test, was, now in differences(plain, other)
        ]

    def size(self, results: Mapping[str, UnitResult]) -> int:
        """A unit has many tests."""
        return sum(len(unit.tests) for unit in results.values())

    def passed(self, result: UnitResult) -> bool:
        """All have to pass."""
        return result.good

    def summary(self, variant: Variant, seconds: float) -> str:
        """Variants run at the same time, so seconds say nothing."""
        return f"{variant.tests} tests, {len(variant.different)} other than plain"

    def remarks(self, name: str, results: Mapping[str, UnitResult]) -> Iterable[str]:
        """What the units say."""
        yield from (f"{unit.name}: {unit.note}" for unit in results.values() if unit.note)

    def findings(self, asked: Asked, variants: Mapping[str, Variant], ran: Ran) -> Findings:
        """What docs/compatibility.md says of it."""
        malloc = asked.options.malloc
        units = ", ".join(unit.removeprefix("unit/") for unit in ran.tests)
        return Findings(
            server="redis",
            version=build.REDIS.version,
            build=" ".join(["lp-wrap", *build.MAKE[malloc]]),
            suite=f"redis's own: {len(ran.tests)} units of tests/unit, without those tagged slow "
            "or defrag",
            variants=variants,
            where=ran.where,
            wide=ran.wide,
            kind="" if malloc == "libc" else malloc,
            notes=(
                f"Units: {units}. Each test's outcome is compared; a unit that fails is run a "
                "second time.",
                *NOTES,
            ),
        )


def run_variants(
    asked: Asked, outcomes: Answered, variants: Sequence[tuple[str, Path, Mapping[str, str]]]
) -> None:
    """Run the course and the tests with some variants, as many at a time as there are jobs: they
    wait more than they work."""
    units = asked.options.tests or UNITS
    sources = build.RedisTree(asked.folder / "plain").redis

    def one(
        variant: tuple[str, Path, Mapping[str, str]],
    ) -> tuple[str, str, dict[str, UnitResult], dict[str, int]]:
        name, program, settings = variant
        bench = asked.folder / "bench" / re.sub(r"\W+", "-", name)
        answers = course(program, **settings)
        return name, answers, *run_variant(bench, sources, program, units, settings)

    with ThreadPoolExecutor(asked.options.jobs) as pool:
        for name, answers, results, totals in pool.map(one, variants):
            outcomes.courses[name] = answers
            outcomes.add(name, results, totals)


def run_variant(
    bench: Path,
    sources: Path,
    program: Path,
    units: Sequence[str],
    settings: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> tuple[dict[str, UnitResult], dict[str, int]]:
    """redis's own tests with one server; results by unit, and what its processes counted. timeout:
    seconds for a unit."""
    folder = bench_folder(bench, sources, program)
    statistics = folder / "stats"
    statistics.mkdir()
    told = {"LP_STATS": str(statistics / "%p.json")} if settings.get("LP_ELITE") else {}
    results = run_suite(folder, units, environment(**settings, **told), timeout)
    return results, totals_of(map(read_run, statistics.glob("*.json")))


if __name__ == "__main__":
    sys.exit(Redis().main())
