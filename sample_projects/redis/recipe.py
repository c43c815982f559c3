# SPDX-License-Identifier: GPL-2.0-only
"""redis 7.0.15: fetch, build, scout, specialise, run, compare.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/redis` unless
`--dir` names another), in trees that README.md describes.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis_build as build
from redis_load import run_load, transcript
from redis_server import serve
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
from rich.table import Table

from lp_build.cache import cache_folder, work_folder
from lp_build.demo.command import clean_environment
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import find_headers
from lp_build.kernels.versions import DEFAULT, SERIES
from lp_build.statistics import Run, read_run, totals_of
from lp_build.steps import run_step
from lp_build.trials.compatibility import Findings, Variant, write_findings
from lp_build.trials.variants import (
    GuestLoad,
    GuestPlan,
    GuestTests,
    KeptTests,
    make_plan,
    run_plan,
)

ELITE = {"LP_ELITE": "inprocess"}
SHARE = 0.99  # of GETs and SETs, what must finish in Elite
SCOUTING_REQUESTS = 24000
SCOUTING_CONNECTIONS = (1, 3, 8)
BENCHMARK = ("-t", "set,get", "-n", "40000", "-c", "20", "--csv")
WIDE_THRESHOLD = 0.999  # of what its tests' own requests do
GUEST_REQUESTS = 4000  # of the load, in the guest
GUEST_TIMEOUT = 24 * 3600.0  # seconds
GUEST_MEMORY = 3072  # MiB; some of its tests fill some hundred
FORCED = ("all", "random:1:0.01", "random:2:0.01", "random:3:0.01")
# In the kernel Elite begins at the loop, and a request comes some hundred sites later.
FORCED_WIDE = ("random:1:0.002",)


def environment(**settings: str) -> dict[str, str]:
    """Ours, without LakePlacid's settings, and these."""
    return {**clean_environment(), **settings}


def scout(tree: build.Tree, requests: int = SCOUTING_REQUESTS) -> None:
    """Run the scouting server under GETs and SETs; its traces land below `.lp/`."""
    shutil.rmtree(tree.traces, ignore_errors=True)
    with serve(tree.server, environment()) as server:
        for connections in SCOUTING_CONNECTIONS:
            run_load(server.port, requests // len(SCOUTING_CONNECTIONS), connections=connections)


def measure(program: Path, requests: int, **settings: str) -> Run:
    """What the specialised server counted in-process under GETs and SETs, every answer verified."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stats.json"
        with serve(program, environment(**{**ELITE, "LP_STATS": str(path), **settings})) as server:
            run_load(server.port, requests, seed=2)
        return read_run(path)


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


def prepared(options: argparse.Namespace, cache: Path, show: Console) -> tuple[Path, build.Tree]:
    """The plain server, and a tree that is scouted and has its manifest."""
    show.print("building redis plainly")
    plain = build.prepare(options.dir / "plain", cache, options.malloc)
    build.build_plain(plain, options.jobs)
    show.print("building it for scouting")
    tree = build.prepare(options.dir / "server", cache, options.malloc)
    build.build_scouted(tree, options.jobs)
    show.print("scouting it under GETs and SETs")
    scout(tree)
    build.manifest(tree)
    show.print("specialising it")
    return plain.server, tree


def step_process(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """In one process: measure, and compare all variants. Return whether all is as it must be."""
    plain, tree = prepared(options, cache, show)
    elite, stress = build.specialize(tree), build.specialize(tree, stress=True)
    found = measure(elite, options.requests)
    share = found.finished / max(1, found.requests)
    console = Console(highlight=False)
    console.print(
        f"{found.finished:,} of {found.requests:,} requests finished in Elite: {share:.2%}"
    )
    for deopt in found.deopts[:15]:
        console.print(f"  {deopt}", markup=False)
    benchmark = plain.with_name("redis-benchmark")
    rates = [
        throughput(program, benchmark, **settings)
        for program, settings in ((plain, {}), (elite, {}), (elite, ELITE))
    ]
    table = Table(title="redis-benchmark, commands a second", title_justify="left")
    for column in ("", "plain", "Fallback", "Elite"):
        table.add_column(column, justify="right" if column else "left")
    for test in rates[0]:
        table.add_row(test, *[f"{rate[test]:,.0f}" for rate in rates])
    console.print(table)

    traces = options.dir / "suite-traces"
    shutil.rmtree(traces, ignore_errors=True)
    traces.mkdir()
    variants: list[tuple[str, Path, dict[str, str]]] = [
        ("plain", plain, {}),
        ("scouted", tree.server, {"LP_TRACE_DIR": str(traces)}),
        ("specialised, Elite off", elite, {}),
        ("specialised", elite, ELITE),
        *((f"forced {force}", stress, {**ELITE, "LP_FORCE_DEOPT": force}) for force in FORCED),
    ]
    runs = Runs(options, show)
    runs.run(variants)
    show.print("specialising it for what its tests do")
    build.manifest(tree, "--threshold", str(WIDE_THRESHOLD), str(traces))
    elite, stress = build.specialize(tree), build.specialize(tree, stress=True)
    force = {"LP_FORCE_DEOPT": FORCED[1]}
    runs.run(
        [
            ("wide, specialised", elite, ELITE),
            (f"wide, forced {FORCED[1]}", stress, {**ELITE, **force}),
        ]
    )
    if options.docs and not options.units:
        found = findings(runs.rows, "", UNITS, options.malloc)
        write_findings(found, options.docs / "compatibility")
    return share >= SHARE and runs.good


class Runs:
    """Keeps what came out of the course and redis's own tests with each variant, of which the first
    is plain."""

    def __init__(self, options: argparse.Namespace, show: Console) -> None:
        self.options = options
        self.show = show
        self.courses: dict[str, str] = {}
        self.results: dict[str, dict[str, UnitResult]] = {}
        self.rows: dict[str, Variant] = {}
        self.good = True

    def run(self, variants: Sequence[tuple[str, Path, Mapping[str, str]]]) -> None:
        """Run some, as many at a time as there are jobs: they wait more than they work."""
        units = self.options.units or UNITS
        sources = self.options.dir / "plain" / "redis"

        def one(
            variant: tuple[str, Path, Mapping[str, str]],
        ) -> tuple[str, str, dict[str, UnitResult], dict[str, int]]:
            name, program, settings = variant
            bench = self.options.dir / "bench" / re.sub(r"\W+", "-", name)
            answers = course(program, **settings)
            return name, answers, *run_variant(bench, sources, program, units, settings)

        with ThreadPoolExecutor(self.options.jobs) as pool:
            for name, answers, results, totals in pool.map(one, variants):
                self.add(name, answers, results, totals)

    def add(
        self, name: str, answers: str, results: dict[str, UnitResult], totals: Mapping[str, int]
    ) -> None:
        """Keep what came out for a variant, and say what is other than in the plain build."""
        self.courses[name], self.results[name] = answers, results
        plain = self.results["plain"]
        self.rows[name] = compared(name, plain, results, totals, self.show)
        if answers != self.courses["plain"]:
            self.show.print(f"  {name}: the course of commands is answered otherwise")
            self.good = False
        whole = all(unit.good for unit in plain.values())
        self.good = self.good and not self.rows[name].different and whole


def step_kernel(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """The same with Elite in a guest's kernel, against the plain build in the same guest."""
    plain, tree = prepared(options, cache, show)
    elite, stress = build.specialize(tree), build.specialize(tree, stress=True)
    headers = find_headers(options.kernel, cache_folder(os.environ))
    plan = make_plan(plain, elite, stress, FORCED, headers, options.dir / "modules")
    return in_guest(options, plan, GUEST_UNITS, show, wide=False)


def step_kernel_suite(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """In a guest's kernel all of its tests, with what step `process` left in the work folder: the
    builds that are specialised for what the tests do. What a guest before has run with them is not
    run again."""
    plain = build.Tree(options.dir / "plain").server
    tree = build.Tree(options.dir / "server")
    elite, stress = build.specialized(tree), build.specialized(tree, stress=True)
    if missing := [path for path in (plain, elite, stress) if not path.exists()]:
        raise LakePlacidError(
            "this build of redis is not there",
            file=str(missing[0]),
            remedy="run the step `process` first, with the same --dir",
        )
    headers = find_headers(options.kernel, cache_folder(os.environ))
    plan = make_plan(plain, elite, stress, FORCED_WIDE, headers, options.dir / "wide-modules")
    return in_guest(options, plan, UNITS, show, wide=True)


def in_guest(
    options: argparse.Namespace,
    plan: GuestPlan,
    units: Sequence[str],
    show: Console,
    *,
    wide: bool,
) -> bool:
    """Carry out a plan and keep what comes out. units: unless the options name others. Return
    whether all is as it must be."""
    units = options.units or units
    kept = KeptTests(options.dir / "kernel-suite.json" if wide else None, plan)
    more = {
        "load": GUEST_REQUESTS,
        "sources": str(options.dir / "plain" / "redis"),
        "units": kept.left(units),
        "seconds": options.minutes * 60,
    }
    show.print(f"running it in a guest with Debian's {options.kernel}")
    first, courses, *told = run_plan(
        Path(__file__).with_name("redis_guest.py"),
        plan,
        more,
        kernel=options.kernel,
        folder=options.dir,
        timeout=GUEST_TIMEOUT,
        memory=GUEST_MEMORY,
        show=lambda text: show.print(text, end="", markup=False, highlight=False),
    )
    load = GuestLoad(**first)
    Console(highlight=False).print(str(load), markup=False)
    runs = Runs(options, show)
    kept.add(told)
    tests = GuestTests.read(plan, units, kept.rows)
    for name, found in tests.found.items():
        totals: Counter[str] = Counter()
        results = {}
        for unit, result in found.items():
            totals.update(result.pop("totals"))
            results[unit] = UnitResult.read(result)
        runs.add(name, courses[name], results, totals)
    for unit in tests.failed.values():
        show.print(f"  {unit['name']} fails with the plain build here:", highlight=False)
        show.print(f"    {unit['note']}", markup=False, highlight=False)
    if tests.left:
        show.print(f"  no time for {', '.join(tests.left)}", highlight=False)
    if options.docs and not options.units:
        place = f"a guest with Debian's {options.kernel}"
        done = list(tests.found["plain"])
        found = findings(runs.rows, place, done, options.malloc, wide=wide)
        write_findings(found, options.docs / "compatibility")
    return (wide or load.share >= SHARE) and runs.good and not tests.failed


def compared(
    name: str,
    plain: Mapping[str, UnitResult],
    results: Mapping[str, UnitResult],
    totals: Mapping[str, int],
    show: Console,
) -> Variant:
    """A variant's row, and said what is other than in the plain build."""
    different = differences(plain, results)
    row = Variant(
        sum(len(unit.tests) for unit in results.values()),
        tuple(test for test, _, _ in different),
        totals["requests"],
        totals["finished_in_elite"],
    )
    show.print(f"  {name}: {row.tests} tests, {len(different)} other than plain")
    for test, was, now in different:
        show.print(f"    {test}: {was}; here {now}", markup=False, highlight=False)
    for unit in (unit for unit in results.values() if unit.note):
        show.print(f"    {unit.name}: {unit.note}", markup=False, highlight=False)
    return row


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


def findings(
    variants: Mapping[str, Variant],
    where: str,
    units: Sequence[str],
    malloc: str,
    *,
    wide: bool = False,
) -> Findings:
    """What docs/compatibility.md says of it."""
    return Findings(
        server="redis",
        version=build.REDIS.version,
        build=" ".join(["lp-wrap", *build.MAKE[malloc]]),
        suite=f"redis's own: {len(units)} units of tests/unit, without those tagged slow or defrag",
        variants=variants,
        where=where,
        wide=wide,
        kind="" if malloc == "libc" else malloc,
        notes=(
            "Units: " + ", ".join(unit.removeprefix("unit/") for unit in units) + ". Each test's "
            "outcome is compared; a unit that fails is run a second time.",
            "The tests' configuration switches the latency monitor on (`latency-monitor-threshold "
            "1`), which scouting with GETs and SETs doesn't: every request leaves Elite in `call`, "
            "if not before. *wide*: scouted with the tests themselves. A fixed course of commands "
            "is compared besides. Servers that are killed tell no figures.",
            "`client-eviction` looks through one connection at what another has sent, without "
            "waiting until the server has read it: a slower server, as a scouted one is, fails "
            "that now and then.",
        ),
    )


STEPS: dict[str, Callable[[argparse.Namespace, Path, Console], bool]] = {
    "process": step_process,
    "kernel": step_kernel,
    "kernel-suite": step_kernel_suite,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; return 0, or 1 when something failed or showed a difference."""
    parser = argparse.ArgumentParser(
        prog="recipe.py",
        description="redis with LakePlacid: builds, scouts, specialises and measures it, and runs "
        "its own tests with all variants; `process`: in one process, `kernel`: some of them with "
        "Elite in the kernel of a guest, `kernel-suite`: all of them there, for hours.",
    )
    parser.add_argument(
        "steps", nargs="*", metavar="process|kernel|kernel-suite", help="default: process"
    )
    parser.add_argument(
        "--malloc",
        choices=build.MAKE,
        default="libc",
        help="whose heap: libc's, which LakePlacid's replaces, or jemalloc, redis's default",
    )
    parser.add_argument("--dir", type=Path, help="work folder (default: .cache/redis or the like)")
    parser.add_argument("--jobs", type=int, default=2, help="of make, and variants at a time")
    parser.add_argument("--requests", type=int, default=50000, help="of the load that is measured")
    parser.add_argument("--units", nargs="+", metavar="UNIT", help="only these, as unit/type/set")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no unit in the guest after so many"
    )
    parser.add_argument("--docs", type=Path, help="where compatibility/redis*.json are to be kept")
    parser.add_argument("--kernel", choices=SERIES, default=DEFAULT, help="of the guest")
    options = parser.parse_args(argv)
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no such step: {unknown[0]}")
    cache = cache_folder(os.environ)
    name = "redis" if options.malloc == "libc" else f"redis-{options.malloc}"
    options.dir = (options.dir or work_folder(os.environ, Path.cwd()) / name).absolute()
    options.dir.mkdir(parents=True, exist_ok=True)
    show = Console(stderr=True)
    try:
        good = [STEPS[name](options, cache, show) for name in options.steps or ["process"]]
    except LakePlacidError as error:
        print(f"redis: {error}", file=sys.stderr)
        return 1
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
