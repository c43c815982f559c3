# SPDX-License-Identifier: GPL-2.0-only
"""What the recipes of servers share: a server is scouted under a load, measured under it, and run
with Elite in a guest's kernel under its tests. What is a server's own, its recipe says in hooks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from rich.console import Console
from rich.table import Table

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import find_headers
from lp_build.statistics import Run, read_run
from lp_build.trials.command import Asked, Recipe, guest, keep
from lp_build.trials.compatibility import Findings, Variant
from lp_build.trials.outcomes import PLAIN, Outcomes, Result, Suite
from lp_build.trials.tree import Tree, environment
from lp_build.trials.variants import (
    GuestLoad,
    GuestPlan,
    GuestTests,
    KeptTests,
    make_plan,
    run_plan,
)

ELITE = {"LP_ELITE": "inprocess"}
FORCED = ("all", "random:1:0.01", "random:2:0.01", "random:3:0.01")
# In the kernel Elite begins at the loop, and a request comes many sites later.
FORCED_WIDE = ("random:1:0.002",)
WIDE_THRESHOLD = 0.999  # of what the tests' own requests do
SHARE = 0.99  # of the load that was scouted, what must finish in Elite
PLACES = 15  # where Elite was left most often


class Running(Protocol):
    """A server that runs; port on 127.0.0.1."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its first process."""

    @property
    def port(self) -> int:
        """Where it listens."""


@dataclass(frozen=True)
class Progress:
    """What `prepared` tells, before each thing that it does ("": nothing)."""

    plain: str
    scout: str
    build: str = "building it for scouting"
    specialise: str = "specialising it"


@dataclass(frozen=True)
class Ran:
    """What was run. tests: by name; where, wide: as Findings has them."""

    tests: Sequence[str]
    where: str = ""
    wide: bool = False


Served = TypeVar("Served", bound=Running)
Wrapped = TypeVar("Wrapped", bound=Tree)


class ServerRecipe(Recipe, Suite[Result], Generic[Served, Wrapped, Result]):
    """A server's recipe.

    scouting_requests: of the load that it is scouted under. script: runs in the guest; guest_tests:
    those that it runs there (none: all); guest_timeout: in seconds; guest_memory: in MiB; heads:
    how many lines the script prints before its tests', of which the first is a GuestLoad.
    """

    progress: ClassVar[Progress]
    scouting_requests: ClassVar[int]
    script: ClassVar[Path]
    guest_tests: ClassVar[Sequence[str]] = ()
    guest_timeout: ClassVar[float]
    guest_memory: ClassVar[int] = 1024
    heads: ClassVar[int] = 1

    # The server's own.

    @abstractmethod
    def build_plain(self, asked: Asked) -> Path:
        """Build it as if LakePlacid did not exist; the program."""

    @abstractmethod
    def build_scouted(self, asked: Asked) -> Wrapped:
        """A fresh tree, built for scouting."""

    @abstractmethod
    def serve(
        self, program: Path, environment: Mapping[str, str]
    ) -> AbstractContextManager[Served]:
        """Run it; at the end it must end well."""

    @abstractmethod
    def scouting_load(self, port: int, requests: int) -> None:
        """The load that it is scouted under."""

    @abstractmethod
    def findings(self, asked: Asked, variants: Mapping[str, Variant], ran: Ran) -> Findings:
        """What docs/compatibility.md says of it."""

    @abstractmethod
    def guest_input(self, asked: Asked, tests: Sequence[str]) -> Mapping[str, Any]:
        """What the guest's script needs beside the plan, to run these tests."""

    @abstractmethod
    def gather(
        self,
        plan: GuestPlan,
        tests: Sequence[str],
        rows: Sequence[dict[str, Any]],
        outcomes: Outcomes[Result],
    ) -> GuestTests:
        """Add to the outcomes what the guest's script printed of these tests."""

    def worker(self, server: Served) -> int:
        """The number of the process that serves."""
        return server.process.pid

    def guest_words(self, tests: Sequence[str]) -> str:
        """What is run in a guest, in words."""
        return "it"

    def outcomes(self, asked: Asked, heads: Sequence[Any]) -> Outcomes[Result]:
        """Where the outcomes of a guest are kept."""
        return Outcomes(self, asked.show)

    # What all have.

    def scout(self, tree: Wrapped, requests: int = 0) -> None:
        """Run the scouting server under its load (0 requests: as many as it takes); its traces land
        below `.lp/`."""
        shutil.rmtree(tree.traces, ignore_errors=True)
        with self.serve(tree.built, environment()) as server:
            self.scouting_load(server.port, requests or self.scouting_requests)

    def measure(self, program: Path, load: Callable[[int], object], **settings: str) -> Run:
        """What the specialised server counted under a load, which gets its port; in one process,
        unless the settings say otherwise."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o777)  # who serves may be another user
            settings = {**ELITE, "LP_STATS": f"{folder}/%p.json", **settings}
            with self.serve(program, environment(**settings)) as server:
                load(server.port)
                worker = self.worker(server)
            return read_run(Path(folder) / f"{worker}.json")

    def prepared(self, asked: Asked) -> tuple[Path, Wrapped]:
        """The plain program, and a tree that is scouted and has its manifest."""
        asked.say(self.progress.plain)
        plain = self.build_plain(asked)
        asked.say(self.progress.build)
        tree = self.build_scouted(asked)
        asked.say(self.progress.scout)
        self.scout(tree)
        tree.manifest()
        asked.say(self.progress.specialise)
        return plain, tree

    def keep(self, asked: Asked, outcomes: Outcomes[Result], ran: Ran) -> None:
        """Keep what came out of all tests for docs/compatibility.md, where that was asked for."""
        if not asked.options.tests:
            keep(self.findings(asked, outcomes.variants, ran), asked.options.docs)

    def kernel(self, asked: Asked) -> bool:
        """The step: some tests with Elite in a guest's kernel, against the plain build in that
        guest."""
        plain, tree = self.prepared(asked)
        builds = plain, tree.specialize(), tree.specialize(stress=True)
        plan = self.plan(asked, builds, FORCED, "modules")
        return self.in_guest(asked, plan, self.guest_tests, wide=False)

    def plan(
        self, asked: Asked, builds: tuple[Path, Path, Path], forced: Sequence[str], modules: str
    ) -> GuestPlan:
        """What a guest is to compare. builds: plain, specialised, stress; modules: their folder."""
        headers = find_headers(asked.options.kernel, asked.cache)
        return make_plan(*builds, forced, headers, asked.folder / modules)

    def in_guest(self, asked: Asked, plan: GuestPlan, tests: Sequence[str], *, wide: bool) -> bool:
        """Carry out a plan and keep what comes out. tests: unless the options name others. Return
        whether all is as it must be."""
        tests = asked.options.tests or tests
        kept = KeptTests(asked.folder / "kernel-suite.json" if wide else None, plan)
        left = kept.left(tests)
        place = guest(asked.options.kernel)
        asked.say(f"running {self.guest_words(left)} in {place}")
        told = run_plan(
            self.script,
            plan,
            self.guest_input(asked, left),
            kernel=asked.options.kernel,
            folder=asked.folder,
            timeout=self.guest_timeout,
            show=asked.pass_on,
            memory=self.guest_memory,
        )
        heads, rows = told[: self.heads], told[self.heads :]
        loads = [GuestLoad(**head) for head in heads[:1]]
        for load in loads:
            Console(highlight=False).print(str(load), markup=False)
        kept.add(rows)
        outcomes = self.outcomes(asked, heads)
        found = self.gather(plan, tests, kept.rows, outcomes)
        for test in found.failed.values():
            asked.say(f"  {test['name']} fails with the plain build here:")
            asked.say(f"    {test['note']}")
        if found.left:
            asked.say(f"  no time for {', '.join(found.left)}")
        self.keep(asked, outcomes, Ran(list(found.found[PLAIN]), place, wide))
        enough = wide or all(load.share >= SHARE for load in loads)
        return enough and outcomes.same and not found.failed


class CampaignRecipe(ServerRecipe[Served, Wrapped, Result]):
    """A server whose tests take a guest hours: its script runs them by run_tests, and a guest goes
    on where the one before ended. in_process: the step that leaves the builds for this; missing:
    what is said without them."""

    in_process: ClassVar[str]
    missing: ClassVar[str]

    @abstractmethod
    def left_builds(self, asked: Asked) -> tuple[Path, Wrapped]:
        """The plain program and the tree that the step `in_process` leaves."""

    @abstractmethod
    def all_tests(self, asked: Asked) -> Sequence[str]:
        """All of the tests, in the order in which a guest is to run them."""

    @abstractmethod
    def read_found(self, found: dict[str, Any]) -> tuple[Result, Mapping[str, int]]:
        """What the script printed for a test: its result, and totals_of its statistics."""

    def also_needed(self, asked: Asked) -> Sequence[Path]:
        """What else that step has to leave."""
        return ()

    def kernel_suite(self, asked: Asked) -> bool:
        """The step: all tests there, with what the step `in_process` left in the work folder: the
        builds that are specialised for what the tests do. What a guest before has run with them is
        not run again."""
        plain, tree = self.left_builds(asked)
        builds = plain, tree.specialized(), tree.specialized(stress=True)
        for path in (*builds, *self.also_needed(asked)):
            if not path.exists():
                raise LakePlacidError(
                    self.missing,
                    file=str(path),
                    remedy=f"run the step `{self.in_process}` first, with the same --dir",
                )
        plan = self.plan(asked, builds, FORCED_WIDE, "wide-modules")
        return self.in_guest(asked, plan, self.all_tests(asked), wide=True)

    def gather(
        self,
        plan: GuestPlan,
        tests: Sequence[str],
        rows: Sequence[dict[str, Any]],
        outcomes: Outcomes[Result],
    ) -> GuestTests:
        """Test by test."""
        read = GuestTests.read(plan, tests, rows)
        for name, found in read.found.items():
            totals: Counter[str] = Counter()
            results = {}
            seconds = 0.0
            for test, one in found.items():
                seconds += one["seconds"]
                results[test], counted = self.read_found(one)
                totals.update(counted)
            outcomes.add(name, results, totals, seconds)
        return read


def print_share(found: Run, console: Console, places: str = "") -> bool:
    """Print what share of a load finished in Elite, and where the rest left it, below the line
    `places`; whether it is enough."""
    share = found.finished / max(1, found.requests)
    console.print(
        f"{found.finished:,} of {found.requests:,} requests finished in Elite: {share:.2%}"
    )
    for line in (*([places] if places else []), *(f"  {one}" for one in found.deopts[:PLACES])):
        console.print(line, markup=False)
    return share >= SHARE


def against_plain(title: str) -> Table:
    """A table with a column for each build."""
    table = Table(title=title, title_justify="left")
    for column in ("", "plain", "Fallback", "Elite"):
        table.add_column(column, justify="right" if column else "left")
    return table
