# SPDX-License-Identifier: GPL-2.0-only
"""nginx 1.22.1: fetch, build, scout, specialise, run, compare.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/nginx` unless
`--dir` names another), in trees that README.md describes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nginx_build as build
from nginx_load import run_load
from nginx_server import Server, new_site, serve
from nginx_suite import TestResult, differences, first_difference, run_suite
from rich.console import Console

from lp_build.bench.instructions import parse_callgrind
from lp_build.errors import LakePlacidError
from lp_build.statistics import parse_run, totals_of
from lp_build.trials.command import Asked, Step, argument
from lp_build.trials.compatibility import Findings, Variant
from lp_build.trials.outcomes import PLAIN, Difference, Outcomes
from lp_build.trials.recipe import (
    ELITE,
    FORCED,
    WIDE_THRESHOLD,
    Progress,
    Ran,
    ServerRecipe,
    against_plain,
    print_share,
)
from lp_build.trials.tree import environment
from lp_build.trials.variants import GuestPlan, GuestTests

SCOUTING_CONNECTIONS = (1, 3, 8, 20)
FEW, MANY = 200, 1200  # requests of the two runs that instructions are counted in
GUEST_GETS = 4000  # of static files, in the guest
WRK = ("wrk", "-t1", "-c16", "-d4")
NOTES = (
    "The suite compares all bytes that come back, but for dates and ports; it has files, "
    "ranges, conditions, pipelining, bodies, proxying, caches, broken requests; and reload "
    "(SIGHUP), reopened logs (SIGUSR1), a new binary (SIGUSR2), crashed workers, and ends.",
    "Scouting sees GETs of static files, most of the suite's requests are others: so few "
    "finish in Elite. *wide*: scouted with the suite itself.",
    "A request is a call of `ngx_http_process_request_line`; a worker that is killed tells "
    "no figures.",
)


class Nginx(ServerRecipe[Server, build.NginxTree, TestResult]):
    """nginx under GETs of static files. How many connections there are at once decides on the way
    through the event loop's trees."""

    name = "nginx"
    description = (
        "nginx with LakePlacid: `server` builds, scouts, specialises and measures it; "
        "`suite` runs a suite over the protocol with all variants; `kernel` the same with Elite in "
        "the kernel of a guest."
    )
    steps_help = "the first two"
    arguments = (
        argument("--dir", help="work folder (default: .cache/nginx)"),
        argument("--jobs"),
        argument("--requests"),
        argument("--tests", metavar="NAME", help="only these tests of the suite"),
        argument("--kernel"),
        argument("--docs", help="where compatibility/nginx.json is to be kept"),
    )
    usual = ("server", "suite")  # `kernel` without KVM takes an hour
    progress = Progress("building nginx plainly", "scouting it under GETs of static files")
    scouting_requests = 24000
    script = Path(__file__).with_name("nginx_guest.py")
    guest_timeout = 4 * 3600.0

    def steps(self) -> Mapping[str, Step]:
        """By name."""
        return {"server": self.server, "suite": self.suite, "kernel": self.kernel}

    def build_plain(self, asked: Asked) -> Path:
        """nginx's own build."""
        plain = build.prepare(asked.folder / "plain", asked.cache)
        build.build_plain(plain, asked.options.jobs)
        return plain.built

    def build_scouted(self, asked: Asked) -> build.NginxTree:
        """The same, wrapped."""
        tree = build.prepare(asked.folder / "server", asked.cache)
        build.build_scouted(tree, asked.options.jobs)
        return tree

    @contextmanager
    def serve(
        self, program: Path, environment: Mapping[str, str], prefix: Sequence[str] = ()
    ) -> Iterator[Server]:
        """Run it with a site of its own; prefix: words before the command."""
        with new_site() as site, serve(program, site, environment, prefix) as server:
            yield server

    def worker(self, server: Server) -> int:
        """Its one worker; the master serves nobody."""
        return server.worker()

    def scouting_load(self, port: int, requests: int) -> None:
        """GETs over few and many connections."""
        for connections in SCOUTING_CONNECTIONS:
            run_load(port, requests // len(SCOUTING_CONNECTIONS), connections=connections)

    def instructions(self, program: Path, **settings: str) -> float:
        """Instructions of a worker in user space for each GET, by callgrind: the slope between a
        short and a long run."""

        def count(requests: int) -> int:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder).chmod(0o777)  # the worker is another user
                out = f"--callgrind-out-file={folder}/%p"
                prefix = ["valgrind", "-q", "--tool=callgrind", out]
                with self.serve(program, environment(**settings), prefix) as server:
                    run_load(server.port, requests, connections=1)
                # The worker's; master and cache processes have next to nothing to do.
                found = [path.read_text(errors="replace") for path in Path(folder).iterdir()]
            return int(max(parse_callgrind(text).all for text in found))

        return (count(MANY) - count(FEW)) / (MANY - FEW)

    def throughput(self, program: Path, path: str, **settings: str) -> float:
        """Requests a second by wrk, for one file."""
        with self.serve(program, environment(**settings)) as server:
            command = [*WRK, "-H", "Host: static.test", f"http://127.0.0.1:{server.port}/{path}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        match = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        if done.returncode != 0 or match is None or "Non-2xx" in done.stdout:
            raise LakePlacidError(
                f"wrk failed: {(done.stdout + done.stderr)[-300:]}", remedy="run it by hand"
            )
        return float(match.group(1))

    def server(self, asked: Asked) -> bool:
        """The step: nginx as one would use it: built, scouted, specialised, measured."""
        plain, tree = self.prepared(asked)
        program = tree.specialize()
        asked.say("measuring it")
        found = self.measure(program, lambda port: run_load(port, asked.options.requests, seed=2))
        table = against_plain("nginx, specialised, in one process")
        runs: list[tuple[Path, Mapping[str, str]]]
        runs = [(plain, {}), (program, {}), (program, ELITE)]
        if shutil.which("valgrind"):
            costs = [self.instructions(path, **settings) for path, settings in runs]
            table.add_row("instructions a GET", *[f"{cost:,.0f}" for cost in costs])
            table.add_row("of the plain build's", *[f"{cost / costs[0]:.3f}" for cost in costs])
        if shutil.which("wrk"):
            for path in ("small.txt", "medium.bin"):
                rates = [self.throughput(one, path, **settings) for one, settings in runs]
                table.add_row(f"GETs a second, wrk, {path}", *[f"{rate:,.0f}" for rate in rates])
        console = Console(highlight=False)
        console.print(table)
        return print_share(found, console, "where it was left, by requests and the loop:")

    def suite(self, asked: Asked) -> bool:
        """The step: the suite with all variants. Return whether all are as plain, where all must
        pass."""
        outcomes = Outcomes(self, asked.show)
        names = asked.options.tests or ()
        asked.say(self.progress.plain)
        run_variant(outcomes, names, PLAIN, self.build_plain(asked))

        asked.say("building it for scouting, with lp-wrap alone")
        tree = build.prepare(asked.folder / "suite", asked.cache)
        build.build_scouted(tree, asked.options.jobs, wrap_make=False)
        traces = asked.folder / "suite-traces"
        shutil.rmtree(traces, ignore_errors=True)
        traces.mkdir()
        traces.chmod(0o777)
        run_variant(outcomes, names, "scouted", tree.built, LP_TRACE_DIR=str(traces))

        asked.say("specialising it for GETs of static files")
        self.scout(tree)
        tree.manifest()
        run_specialised(outcomes, names, tree, "")
        asked.say("specialising it for what the suite itself does")
        tree.manifest("--threshold", str(WIDE_THRESHOLD), str(traces))
        run_specialised(outcomes, names, tree, "wide, ")

        results = outcomes.results.items()
        (asked.folder / "suite.json").write_text(
            json.dumps({name: [asdict(one) for one in found.values()] for name, found in results}),
            encoding="utf-8",
        )
        self.keep(asked, outcomes, Ran(list(outcomes.results[PLAIN])))
        return outcomes.same

    def differences(
        self, plain: Mapping[str, TestResult], other: Mapping[str, TestResult]
    ) -> Sequence[Difference]:
        """With where the transcripts part."""
        return [
            Difference(
                one.name,
                f"{one.error or 'passed'}; here {two.error or 'passed'}\n"
                f"    {first_difference(one.transcript, two.transcript)}",
            )
            for one, two in differences(plain, other)
        ]

    def passed(self, result: TestResult) -> bool:
        """All have to pass."""
        return not result.error

    def remarks(self, name: str, results: Mapping[str, TestResult]) -> Iterable[str]:
        """What fails with the plain build."""
        if name == PLAIN:
            yield from (f"{one.name}: {one.error}" for one in results.values() if one.error)

    def guest_input(self, asked: Asked, tests: Sequence[str]) -> Mapping[str, Any]:
        """For nginx_guest.py; no tests: all."""
        return {"gets": GUEST_GETS, "tests": tests}

    def gather(
        self,
        plan: GuestPlan,
        tests: Sequence[str],
        rows: Sequence[dict[str, Any]],
        outcomes: Outcomes[TestResult],
    ) -> GuestTests:
        """The suite is run as a whole, so a row is a variant's."""
        for row in rows:
            results = {name: TestResult(**one) for name, one in row["results"].items()}
            outcomes.add(row["name"], results, row["totals"], row["seconds"])
        return GuestTests({row["name"]: row["results"] for row in rows})

    def findings(self, asked: Asked, variants: Mapping[str, Variant], ran: Ran) -> Findings:
        """What docs/compatibility.md says of it."""
        return Findings(
            server="nginx",
            version=build.NGINX.version,
            build="lp-wrap ./configure --with-zlib=../zlib; lp-wrap make",
            suite="ours, over the protocol",
            variants=variants,
            where=ran.where,
            notes=NOTES,
        )


def counted(written: Sequence[str]) -> dict[str, int]:
    """What nginx's processes counted, by what they wrote to LP_STATS."""
    return totals_of(parse_run(text, Path("LP_STATS")) for text in written)


def run_variant(
    outcomes: Outcomes[TestResult], names: Sequence[str], name: str, program: Path, **settings: str
) -> None:
    """The suite, or these tests of it, with a program; in settings, {} stands for the site's
    folder."""
    began = time.monotonic()
    if settings.get("LP_ELITE"):
        settings["LP_STATS"] = "{}/stats/%p.json"
    results, written = run_suite(program, environment(**settings), names)
    outcomes.add(name, results, counted(written), time.monotonic() - began)


def run_specialised(
    outcomes: Outcomes[TestResult], names: Sequence[str], tree: build.NginxTree, prefix: str
) -> None:
    """The suite with what `lp build` makes of the manifest, off and on, and forced."""
    program = tree.specialize()
    if not prefix:
        run_variant(outcomes, names, "specialised, Elite off", program)
    run_variant(outcomes, names, f"{prefix}specialised", program, **ELITE)
    program = tree.specialize(stress=True)
    for force in FORCED:
        settings = {**ELITE, "LP_FORCE_DEOPT": force}
        run_variant(outcomes, names, f"{prefix}forced {force}", program, **settings)


if __name__ == "__main__":
    sys.exit(Nginx().main())
