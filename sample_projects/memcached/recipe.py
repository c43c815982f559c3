# SPDX-License-Identifier: GPL-2.0-only
"""memcached 1.6.18 with libevent 2.1.12 in one source tree: fetch, build, scout, specialise, run.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/memcached`
unless `--dir` names another), in trees that memcached_build.py describes, built by the commands
that README.md shows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import memcached_build as build
from load import GET_ONLY, KEYS, Mix, check_binary, run_load
from memcached_server import Server, serve
from rich.console import Console
from rich.table import Table
from suite import FileResult, bench_folder, differences, run_suite, suite_files

from lp_build.statistics import read_run, totals_of
from lp_build.trials.command import Asked, Step, argument
from lp_build.trials.compatibility import Findings, Variant
from lp_build.trials.outcomes import PLAIN, Difference, Outcomes
from lp_build.trials.recipe import (
    ELITE,
    FORCED,
    SHARE,
    WIDE_THRESHOLD,
    CampaignRecipe,
    Progress,
    Ran,
)
from lp_build.trials.tree import environment

WIDTH = 200  # columns of the table

# What scouting sees: GETs of keys that are there or not, by the text protocol, and of all else so
# little that the threshold of lp.toml leaves it out.
SCOUTING_MIX = Mix(
    hit=0.96,
    miss=0.03,
    multi=0.005,
    cas=0,
    meta=0,
    set=0.001,
    delete=0,
    incr=0,
    touch=0,
    stats=0,
    broken=0,
)
SCOUTING_REQUESTS = 50000
SCOUTING_KEYS = 25  # of each connection, which begins with a SET for each of its keys
# One file of statistics for each server process.
IN_ELITE = {**ELITE, "LP_STATS": "{}/stats/%p.json"}
NOTES = (
    "Each file's outcome, its number of tests and those that fail are compared; a file "
    "that fails is run a second time. Some skip themselves, in each variant the same.",
    "A request is a call of `drive_machine`; a server that is killed tells no figures.",
)


@dataclass(frozen=True)
class Measured:
    """One load on the specialised server: requests sent, those begun and finished in Elite (a
    request is a call of drive_machine, so opening and closing connections counts too), and
    deopts by place, most frequent first."""

    sent: int
    begun: int
    finished: int
    deopts: tuple[tuple[str, int], ...]

    @property
    def finished_share(self) -> float:
        """Of those begun in Elite, the share that finished there."""
        return self.finished / self.begun if self.begun else 0.0


class Memcached(CampaignRecipe[Server, build.MemcachedTree, FileResult]):
    """memcached under GETs."""

    name = "memcached"
    description = (
        "memcached with LakePlacid: `server` builds, scouts, specialises and measures "
        "it; `suite` runs its own tests with all variants (half an hour); `kernel` runs some of "
        "them with Elite in the kernel of a guest, `kernel-suite` all of them there, for hours."
    )
    steps_help = "the first two"
    arguments = (
        argument("--dir", help="work folder (default: .cache/memcached)"),
        argument("--jobs"),
        argument("--suite-jobs", type=int, default=4, help="test files at a time"),
        argument("--requests", help="of a load that is measured"),
        argument("--tests", metavar="t/FILE.t", help="only these test files"),
        argument("--kernel"),
        argument("--minutes", help="begin no file in the guest after so many"),
        argument("--docs", help="where compatibility/*.json is to be kept"),
    )
    usual = ("server", "suite")
    progress = Progress(
        "building memcached-debug with the plain compiler",
        "scouting it with GETs, and specialising it",
        specialise="",
    )
    scouting_requests = 50000
    in_process = "suite"
    missing = "step `suite` has not left this"
    script = Path(__file__).with_name("memcached_guest.py")
    # What an emulated machine does in minutes, for each variant.
    guest_tests = (
        "t/getset.t", "t/incrdecr.t", "t/flags.t", "t/cas.t", "t/stats.t", "t/binary-get.t",
        "t/touch.t", "t/noreply.t", "t/issue_42.t", "t/line-lengths.t",
    )  # fmt: skip
    guest_timeout = 24 * 3600.0
    guest_memory = 3072
    heads = 0

    def steps(self) -> Mapping[str, Step]:
        """By name."""
        return {
            "server": self.server,
            "suite": self.suite,
            "kernel": self.kernel,
            "kernel-suite": self.kernel_suite,
        }

    def build_plain(self, asked: Asked) -> Path:
        """What the test suite runs, by memcached's own build."""
        tree = build.prepare(asked.folder / "suite" / "plain", asked.cache)
        builder = build.plain_builder(asked.options.jobs)
        builder.build(tree, build.SUITE_TARGETS, build.SUITE_OPTIONS)
        return tree.built

    def build_scouted(self, asked: Asked) -> build.MemcachedTree:
        """The same, wrapped."""
        tree = build.prepare(asked.folder / "suite" / "wrapped", asked.cache)
        builder = build.wrapped_builder("scout", asked.options.jobs)
        builder.build(tree, build.SUITE_TARGETS, build.SUITE_OPTIONS)
        return tree

    def serve(
        self, program: Path, environment: Mapping[str, str]
    ) -> AbstractContextManager[Server]:
        """With its usual four workers."""
        return serve(program, environment)

    def scouting_load(self, port: int, requests: int) -> None:
        """Mostly GETs."""
        run_load(port, requests, mix=SCOUTING_MIX, keys=SCOUTING_KEYS)

    def measure_mix(
        self, program: Path, mix: Mix, requests: int, keys: int = KEYS, **settings: str
    ) -> Measured:
        """Run the specialised server under a load, every answer verified; in one process, unless
        the settings say otherwise. keys: of each connection."""
        sent: list[int] = []

        def load(port: int) -> None:
            sent.append(run_load(port, requests, mix=mix, keys=keys, seed=2).sent)
            if mix not in (GET_ONLY, SCOUTING_MIX):  # which have the text protocol alone
                check_binary(port)

        run = self.measure(program, load, **settings)
        deopts = tuple((f"{deopt.where} {deopt.name}", deopt.hits) for deopt in run.deopts)
        return Measured(sent[0], run.requests, run.finished, deopts)

    def measure_scouted(self, program: Path, requests: int, **settings: str) -> Measured:
        """The load that it was scouted with, or a shorter one that has the same share of SETs."""
        keys = max(1, round(SCOUTING_KEYS * requests / self.scouting_requests))
        return self.measure_mix(program, SCOUTING_MIX, requests, keys, **settings)

    def measure_gets(self, program: Path, requests: int, **settings: str) -> Measured:
        """GETs alone: what a load of them adds to one that only opens the connections, stores the
        keys and closes."""
        whole = self.measure_mix(program, GET_ONLY, requests, KEYS, **settings)
        before = self.measure_mix(program, GET_ONLY, 0, KEYS, **settings)
        count = dict(before.deopts)
        rest = [(place, hits - count.get(place, 0)) for place, hits in whole.deopts]
        return Measured(
            whole.sent - before.sent,
            whole.begun - before.begun,
            whole.finished - before.finished,
            tuple((place, hits) for place, hits in rest if hits > 0),
        )

    def server(self, asked: Asked) -> bool:
        """The step: memcached as one would use it: built, scouted, specialised, measured."""
        asked.say("building memcached for scouting")
        tree = build.prepare(asked.folder / "server", asked.cache, "memcached")
        build.wrapped_builder("scout", asked.options.jobs).build(tree, ["memcached"])
        asked.say("scouting it under a GET-heavy load")
        self.scout(tree)
        asked.say("specialising it")
        tree.manifest()
        program = tree.specialize()
        gets = self.measure_gets(program, asked.options.requests)
        mixed = self.measure_mix(program, Mix(), asked.options.requests)
        table = Table(title="memcached, specialised, in one process", title_justify="left")
        for column in ("load", "requests sent", "begun in Elite", "finished in Elite", "share"):
            table.add_column(column)
        for name, measured in (("GET only", gets), ("mixed", mixed)):
            table.add_row(
                name,
                f"{measured.sent:,}",
                f"{measured.begun:,}",
                f"{measured.finished:,}",
                f"{measured.finished_share:.2%}",
            )
        console = Console(highlight=False)
        console.print(table)
        console.print("where requests of the mixed load left Elite:")
        for place, count in mixed.deopts[:20]:
            console.print(f"  {count:8,}  {place}", markup=False)
        return gets.finished_share >= SHARE

    def suite(self, asked: Asked) -> bool:
        """The step: the suite with all variants; write and print the table. Return whether all are
        as plain."""
        outcomes = Outcomes(self, None)
        asked.say(self.progress.plain)
        plain = self.build_plain(asked)
        run_variant(asked, outcomes, PLAIN, plain.parent, plain)
        asked.say(self.progress.build)
        tree = self.build_scouted(asked)
        scouted = {"LP_TRACE_DIR": "{}/traces"}
        folder = run_variant(asked, outcomes, "scouted", tree.memcached, tree.built, **scouted)

        asked.say(self.progress.scout)
        self.scout(tree)
        tree.manifest()
        run_specialised(asked, outcomes, tree, "specialised", "", FORCED)
        asked.say("specialising it for what the suite itself does")
        tree.manifest("--threshold", str(WIDE_THRESHOLD), str(folder / "traces"))
        run_specialised(asked, outcomes, tree, "wide", "wide ", FORCED[1:2])
        self.keep(asked, outcomes, Ran(list(outcomes.results[PLAIN])))
        return outcomes.same

    def keep(self, asked: Asked, outcomes: Outcomes[FileResult], ran: Ran) -> None:
        """Write and print the table too."""
        write_table(asked.folder / ("suite-guest" if ran.where else "suite"), outcomes)
        super().keep(asked, outcomes, ran)

    def left_builds(self, asked: Asked) -> tuple[Path, build.MemcachedTree]:
        """Those of the step `suite`."""
        suite = asked.folder / "suite"
        plain, tree = (build.MemcachedTree(suite / name) for name in ("plain", "wrapped"))
        return plain.built, tree

    def also_needed(self, asked: Asked) -> Sequence[Path]:
        """How long the tests took."""
        return [asked.folder / "suite.json"]

    def all_tests(self, asked: Asked) -> Sequence[str]:
        """All files, the swift ones first, by what the plain build took."""
        (suite,) = self.also_needed(asked)
        plain = json.loads(suite.read_text(encoding="utf-8"))[PLAIN]["files"]
        seconds = {name: result["seconds"] for name, result in plain.items()}
        files = suite_files(self._sources(asked))
        return sorted(files, key=lambda file: seconds.get(file, 0))

    def guest_words(self, tests: Sequence[str]) -> str:
        """How many there are."""
        return f"{len(tests)} test files"

    def guest_input(self, asked: Asked, tests: Sequence[str]) -> Mapping[str, Any]:
        """For memcached_guest.py."""
        seconds = asked.options.minutes * 60
        return {"sources": str(self._sources(asked)), "files": tests, "seconds": seconds}

    def _sources(self, asked: Asked) -> Path:
        return build.MemcachedTree(asked.folder / "suite" / "plain").memcached

    def read_found(self, found: dict[str, Any]) -> tuple[FileResult, Mapping[str, int]]:
        """A file's."""
        begun, finished = found.pop("begun"), found.pop("finished")
        totals = {"requests": begun, "finished_in_elite": finished}
        return FileResult.read(found), totals

    def outcomes(self, asked: Asked, heads: Sequence[Any]) -> Outcomes[FileResult]:
        """The table tells them."""
        return Outcomes(self, None)

    def differences(
        self, plain: Mapping[str, FileResult], other: Mapping[str, FileResult]
    ) -> Sequence[Difference]:
        """File by file."""
        return [
            Difference(one.name, f"plain {one}, here {two}\n{two.note}")
            for one, two in differences(plain, other)
        ]

    def summary(self, variant: Variant, seconds: float) -> str:
        """What the table says of a run."""
        elite = (
            f", {variant.requests:,} requests begun and {variant.finished:,} finished in Elite"
            if variant.requests
            else ""
        )
        return f"{seconds:.0f} s{elite}"

    def findings(self, asked: Asked, variants: Mapping[str, Variant], ran: Ran) -> Findings:
        """What docs/compatibility.md says of it."""
        files = f"Files: {', '.join(Path(file).stem for file in ran.tests)}."
        scouted = (
            "Scouting sees GETs, the suite's servers live for a few other requests each. "
            "*wide*: scouted with the suite itself."
        )
        return Findings(
            server="memcached",
            version=build.MEMCACHED.version,
            build="CC=lp-cc ./configure; lp-wrap make",
            suite="its own (`prove t/`), by file",
            variants=variants,
            where=ran.where,
            wide=ran.wide,
            notes=(
                *NOTES,
                *(["All are specialised for what the suite does."] if ran.wide else []),
                files if ran.where else scouted,
            ),
        )


def run_variant(
    asked: Asked,
    outcomes: Outcomes[FileResult],
    name: str,
    sources: Path,
    program: Path,
    **settings: str,
) -> Path:
    """Run the suite of these built sources with a server, in an environment with `settings`, where
    {} stands for the variant's folder, which is returned."""
    folder = bench_folder(
        asked.folder / "suite" / "bench" / name.replace(" ", "-").replace(":", "-"),
        sources,
        program,
        sources / "timedrun",
    )
    for kept in ("stats", "traces"):
        (folder / kept).mkdir()
    files = asked.options.tests or suite_files(sources)
    asked.say(f"running {len(files)} test files: {name}")
    began = time.monotonic()
    results = run_suite(
        folder,
        files,
        environment(**{k: v.format(folder) for k, v in settings.items()}),
        jobs=asked.options.suite_jobs,
        progress=lambda result: asked.say(f"  {result.name}: {result}"),
    )
    totals = totals_of(map(read_run, (folder / "stats").glob("*.json")))
    outcomes.add(name, results, totals, time.monotonic() - began)
    return folder


def run_specialised(
    asked: Asked,
    outcomes: Outcomes[FileResult],
    tree: build.MemcachedTree,
    name: str,
    prefix: str,
    forced: Sequence[str],
) -> None:
    """The suite with what `lp build` makes of the manifest, by this name, and forced."""
    run_variant(asked, outcomes, name, tree.memcached, tree.specialize(), **IN_ELITE)
    program = tree.specialize(stress=True)
    for force in forced:
        settings = {**IN_ELITE, "LP_FORCE_DEOPT": force}
        run_variant(asked, outcomes, f"{prefix}{force}", tree.memcached, program, **settings)


def write_table(stem: Path, outcomes: Outcomes[FileResult]) -> None:
    """Write what came out to `<stem>.txt` and `<stem>.json`, and print the former."""
    results = outcomes.results
    notes = {
        name: outcomes.suite.summary(outcomes.variants[name], outcomes.seconds[name])
        for name in results
    }
    table = Table(title="memcached's own test suite", title_justify="left")
    table.add_column("test file")
    for name in results:
        table.add_column(name)
    for file, plain in results[PLAIN].items():
        row = [file.removeprefix("t/"), str(plain)]
        for name in list(results)[1:]:
            result = results[name][file]
            row.append(str(result) if result.outcome != plain.outcome else "same")
        table.add_row(*row)
    path = stem.with_suffix(".txt")
    with path.open("w", encoding="utf-8") as file_out:
        console = Console(file=file_out, width=WIDTH, highlight=False)
        console.print(table)
        for name, note in notes.items():
            different = outcomes.different[name]
            text = f"{name}: {len(different)} files differ from plain ({note})"
            console.print(text, markup=False)
            for one in different:
                console.print(f"  {one.name}: {one.words}", markup=False)
    print(path.read_text(encoding="utf-8"))
    data = {
        name: {"note": notes[name], "files": {f: asdict(r) for f, r in result.items()}}
        for name, result in results.items()
    }
    stem.with_suffix(".json").write_text(json.dumps(data, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(Memcached().main())
