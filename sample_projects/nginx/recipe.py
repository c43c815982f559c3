# SPDX-License-Identifier: GPL-2.0-only
"""nginx 1.22.1: fetch, build, scout, specialise, run, compare.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/nginx` unless
`--dir` names another), in trees that README.md describes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import nginx_build as build
from nginx_load import run_load
from nginx_server import new_site, serve
from nginx_suite import TestResult, differences, first_difference, run_suite
from rich.console import Console
from rich.table import Table

from lp_build.bench.instructions import parse_callgrind
from lp_build.cache import cache_folder, work_folder
from lp_build.demo.command import clean_environment
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import find_headers
from lp_build.kernels.versions import DEFAULT, SERIES
from lp_build.statistics import Run, parse_run, read_run, totals_of
from lp_build.trials.compatibility import Findings, Variant, write_findings
from lp_build.trials.variants import GuestLoad, make_plan, run_plan

ELITE = {"LP_ELITE": "inprocess"}
GET_SHARE = 0.99  # of GETs of static files, what must finish in Elite
SCOUTING_REQUESTS = 24000
SCOUTING_CONNECTIONS = (1, 3, 8, 20)
WIDE_THRESHOLD = 0.999  # of what the suite's own requests do
FORCED = ("all", "random:1:0.01", "random:2:0.01", "random:3:0.01")
FEW, MANY = 200, 1200  # requests of the two runs that instructions are counted in
GUEST_GETS = 4000  # of static files, in the guest
GUEST_TIMEOUT = 4 * 3600.0  # seconds
WRK = ("wrk", "-t1", "-c16", "-d4")


def environment(**settings: str) -> dict[str, str]:
    """Ours, without LakePlacid's settings, and these."""
    return {**clean_environment(), **settings}


def scout(tree: build.Tree, requests: int = SCOUTING_REQUESTS) -> None:
    """Run the scouting server under GETs of static files; its traces land below `.lp/`. How many
    connections there are at once decides on the way through the event loop's trees."""
    shutil.rmtree(tree.traces, ignore_errors=True)
    with new_site() as site, serve(tree.program, site, environment()) as server:
        for connections in SCOUTING_CONNECTIONS:
            run_load(server.port, requests // len(SCOUTING_CONNECTIONS), connections=connections)


def measure(program: Path, requests: int, **settings: str) -> tuple[Run, float]:
    """Run the specialised server in-process under GETs of static files, every answer verified.

    Returns what its one worker counted, and the seconds that the requests took.
    """
    with new_site() as site:
        path = site.statistics / "%p.json"
        settings = {**ELITE, "LP_STATS": str(path), **settings}
        with serve(program, site, environment(**settings)) as server:
            load = run_load(server.port, requests, seed=2)
            worker = server.worker()
        return read_run(site.statistics / f"{worker}.json"), load.seconds


def instructions(program: Path, **settings: str) -> float:
    """Instructions of a worker in user space for each GET, by callgrind: the slope between a short
    and a long run."""

    def count(requests: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o777)  # the worker is another user
            out = f"--callgrind-out-file={folder}/%p"
            prefix = ["valgrind", "-q", "--tool=callgrind", out]
            with (
                new_site() as site,
                serve(program, site, environment(**settings), prefix) as server,
            ):
                run_load(server.port, requests, connections=1)
            # The worker's; master and cache processes have next to nothing to do.
            found = [path.read_text(errors="replace") for path in Path(folder).iterdir()]
        return int(max(parse_callgrind(text).all for text in found))

    return (count(MANY) - count(FEW)) / (MANY - FEW)


def throughput(program: Path, path: str, **settings: str) -> float:
    """Requests a second by wrk, for one file."""
    with new_site() as site, serve(program, site, environment(**settings)) as server:
        command = [*WRK, "-H", "Host: static.test", f"http://127.0.0.1:{server.port}/{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if done.returncode != 0 or match is None or "Non-2xx" in done.stdout:
        raise LakePlacidError(
            f"wrk failed: {(done.stdout + done.stderr)[-300:]}", remedy="run it by hand"
        )
    return float(match.group(1))


def prepared(options: argparse.Namespace, cache: Path, show: Console) -> tuple[Path, build.Tree]:
    """The plain server, and a tree that is scouted and has its manifest."""
    show.print("building nginx plainly")
    plain = build.prepare(options.dir / "plain", cache)
    build.build_plain(plain, options.jobs)
    show.print("building it for scouting")
    tree = build.prepare(options.dir / "server", cache)
    build.build_scouted(tree, options.jobs)
    show.print("scouting it under GETs of static files")
    scout(tree)
    build.manifest(tree)
    show.print("specialising it")
    return plain.program, tree


def step_server(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """nginx as one would use it: built, scouted, specialised, measured."""
    plain, tree = prepared(options, cache, show)
    program = build.specialize(tree)
    show.print("measuring it")
    found, _ = measure(program, options.requests)
    share = found.finished / max(1, found.requests)
    table = Table(title="nginx, specialised, in one process", title_justify="left")
    for column in ("", "plain", "Fallback", "Elite"):
        table.add_column(column, justify="right" if column else "left")
    runs = ((plain, {}), (program, {}), (program, ELITE))
    if shutil.which("valgrind"):
        costs = [instructions(path, **settings) for path, settings in runs]
        table.add_row("instructions a GET", *[f"{cost:,.0f}" for cost in costs])
        table.add_row("of the plain build's", *[f"{cost / costs[0]:.3f}" for cost in costs])
    if shutil.which("wrk"):
        for path in ("small.txt", "medium.bin"):
            rates = [throughput(one, path, **settings) for one, settings in runs]
            table.add_row(f"GETs a second, wrk, {path}", *[f"{rate:,.0f}" for rate in rates])
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"{found.finished:,} of {found.requests:,} requests finished in Elite: {share:.2%}"
    )
    console.print("where it was left, by requests and the loop:")
    for deopt in found.deopts[:15]:
        console.print(f"  {deopt}", markup=False)
    return share >= GET_SHARE


class SuiteRuns:
    """Runs the suite with one variant after the other, and keeps what came out."""

    def __init__(self, show: Console, names: Sequence[str]) -> None:
        self.show = show
        self.names = names
        self.results: dict[str, dict[str, TestResult]] = {}
        self.variants: dict[str, Variant] = {}

    def run(self, name: str, program: Path, **settings: str) -> None:
        """Run it with this program; in settings, {} stands for the site's folder."""
        began = time.monotonic()
        if settings.get("LP_ELITE"):
            settings["LP_STATS"] = "{}/stats/%p.json"
        results, written = run_suite(program, environment(**settings), self.names)
        self.add(name, results, counted(written), time.monotonic() - began)

    def add(
        self, name: str, results: dict[str, TestResult], totals: Mapping[str, int], seconds: float
    ) -> None:
        """Keep what came out for a variant, and say it."""
        self.results[name] = results
        different = differences(self.results["plain"], results)
        failed = [one for one in results.values() if one.error and name == "plain"]
        self.variants[name] = Variant(
            len(results),
            tuple(other.name for _, other in different),
            totals["requests"],
            totals["finished_in_elite"],
        )
        self.show.print(
            f"  {name}: {len(results)} tests, {len(different)} other than plain, "
            f"{totals['finished_in_elite']:,} of {totals['requests']:,} requests in Elite "
            f"({seconds:.0f} s)",
            highlight=False,
        )
        for one in failed:
            self.show.print(f"    {one.name}: {one.error}", markup=False, highlight=False)
        for one, other in different:
            where = first_difference(one.transcript, other.transcript)
            self.show.print(
                f"    {one.name}: {one.error or 'passed'}; here {other.error or 'passed'}\n"
                f"    {where}",
                markup=False,
                highlight=False,
            )


def counted(written: Sequence[str]) -> dict[str, int]:
    """What nginx's processes counted, by what they wrote to LP_STATS."""
    return totals_of(parse_run(text, Path("LP_STATS")) for text in written)


def step_suite(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """The suite with all variants. Return whether all are as plain, where all must pass."""
    runs = SuiteRuns(show, options.tests or ())
    show.print("building nginx plainly")
    plain = build.prepare(options.dir / "plain", cache)
    build.build_plain(plain, options.jobs)
    runs.run("plain", plain.program)

    show.print("building it for scouting, with lp-wrap alone")
    tree = build.prepare(options.dir / "suite", cache)
    build.build_scouted(tree, options.jobs, wrap_make=False)
    traces = options.dir / "suite-traces"
    shutil.rmtree(traces, ignore_errors=True)
    traces.mkdir()
    traces.chmod(0o777)
    runs.run("scouted", tree.program, LP_TRACE_DIR=str(traces))

    show.print("specialising it for GETs of static files")
    scout(tree)
    build.manifest(tree)
    run_specialised(runs, tree, "", FORCED)
    show.print("specialising it for what the suite itself does")
    build.manifest(tree, "--threshold", str(WIDE_THRESHOLD), str(traces))
    run_specialised(runs, tree, "wide, ", FORCED)

    (options.dir / "suite.json").write_text(
        json.dumps({n: [asdict(r) for r in found.values()] for n, found in runs.results.items()}),
        encoding="utf-8",
    )
    if options.docs and not options.tests:
        write_findings(findings(runs.variants), options.docs / "compatibility")
    good = not any(result.error for result in runs.results["plain"].values())
    return good and not any(variant.different for variant in runs.variants.values())


def run_specialised(runs: SuiteRuns, tree: build.Tree, prefix: str, forced: Sequence[str]) -> None:
    """The suite with what `lp build` makes of the manifest, off and on, and forced."""
    program = build.specialize(tree)
    if not prefix:
        runs.run("specialised, Elite off", program)
    runs.run(f"{prefix}specialised", program, **ELITE)
    program = build.specialize(tree, stress=True)
    for force in forced:
        runs.run(f"{prefix}forced {force}", program, **ELITE, LP_FORCE_DEOPT=force)


def step_kernel(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """GETs of static files and the suite with Elite in a guest's kernel, against the plain build
    in the same guest."""
    plain, tree = prepared(options, cache, show)
    elite, stress = build.specialize(tree), build.specialize(tree, stress=True)
    headers = find_headers(options.kernel, cache_folder(os.environ))
    plan = make_plan(plain, elite, stress, FORCED, headers, options.dir / "modules")
    more = {"gets": GUEST_GETS, "tests": options.tests or []}
    show.print(f"running it in a guest with Debian's {options.kernel}")
    first, *told = run_plan(
        Path(__file__).with_name("nginx_guest.py"),
        plan,
        more,
        kernel=options.kernel,
        folder=options.dir,
        timeout=GUEST_TIMEOUT,
        show=lambda text: show.print(text, end="", markup=False, highlight=False),
    )
    load = GuestLoad(**first)
    Console(highlight=False).print(str(load), markup=False)
    runs = SuiteRuns(show, options.tests or ())
    for row in told:
        results = {name: TestResult(**one) for name, one in row["results"].items()}
        runs.add(row["name"], results, row["totals"], row["seconds"])
    if options.docs and not options.tests:
        place = f"a guest with Debian's {options.kernel}"
        write_findings(findings(runs.variants, place), options.docs / "compatibility")
    good = not any(result.error for result in runs.results["plain"].values())
    different = any(variant.different for variant in runs.variants.values())
    return good and load.share >= GET_SHARE and not different


def findings(variants: Mapping[str, Variant], where: str = "") -> Findings:
    """What docs/compatibility.md says of it."""
    return Findings(
        server="nginx",
        version=build.NGINX.version,
        build="lp-wrap ./configure --with-zlib=../zlib; lp-wrap make",
        suite="ours, over the protocol",
        variants=variants,
        where=where,
        notes=(
            "The suite compares all bytes that come back, but for dates and ports; it has files, "
            "ranges, conditions, pipelining, bodies, proxying, caches, broken requests; and reload "
            "(SIGHUP), reopened logs (SIGUSR1), a new binary (SIGUSR2), crashed workers, and ends.",
            "Scouting sees GETs of static files, most of the suite's requests are others: so few "
            "finish in Elite. *wide*: scouted with the suite itself.",
            "A request is a call of `ngx_http_process_request_line`; a worker that is killed tells "
            "no figures.",
        ),
    )


STEPS: dict[str, Callable[[argparse.Namespace, Path, Console], bool]] = {
    "server": step_server,
    "suite": step_suite,
    "kernel": step_kernel,
}
USUAL = ("server", "suite")  # `kernel` without KVM takes an hour


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; return 0, or 1 when one failed or showed a difference."""
    parser = argparse.ArgumentParser(
        prog="recipe.py",
        description="nginx with LakePlacid: `server` builds, scouts, specialises and measures it; "
        "`suite` runs a suite over the protocol with all variants; `kernel` the same with Elite in "
        "the kernel of a guest.",
    )
    parser.add_argument(
        "steps", nargs="*", metavar="server|suite|kernel", help="default: the first two"
    )
    parser.add_argument("--dir", type=Path, help="work folder (default: .cache/nginx)")
    parser.add_argument("--jobs", type=int, default=2, help="of make")
    parser.add_argument("--requests", type=int, default=50000, help="of the load that is measured")
    parser.add_argument("--tests", nargs="+", metavar="NAME", help="only these tests of the suite")
    parser.add_argument("--kernel", choices=SERIES, default=DEFAULT, help="of the guest")
    parser.add_argument("--docs", type=Path, help="where compatibility/nginx.json is to be kept")
    options = parser.parse_args(argv)
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no such step: {unknown[0]}")
    cache = cache_folder(os.environ)
    options.dir = (options.dir or work_folder(os.environ, Path.cwd()) / "nginx").absolute()
    options.dir.mkdir(parents=True, exist_ok=True)
    show = Console(stderr=True)
    try:
        good = [STEPS[name](options, cache, show) for name in options.steps or USUAL]
    except LakePlacidError as error:
        print(f"nginx: {error}", file=sys.stderr)
        return 1
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
