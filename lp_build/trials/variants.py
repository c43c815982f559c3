# SPDX-License-Identifier: GPL-2.0-only
"""The builds of one server that a guest compares: plain, with Elite in the kernel, and with deopts
forced there; and what such a guest finds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lp_build.cache import cache_folder
from lp_build.kernel_module.build import Headers, Modules, build_modules
from lp_build.kernel_module.load import loaded, read_status
from lp_build.statistics import Run
from lp_build.vm.script import run_script

_PLACES = 15  # where Elite was left most often


@dataclass(frozen=True)
class GuestVariant:
    """One build of a server. module: what it needs in the kernel ("": it is the plain build);
    environment: LakePlacid's settings."""

    name: str
    program: str
    module: str
    environment: Mapping[str, str]

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Have its module in the running kernel for a while; the driver is there."""
        if not self.module:
            yield
            return
        with loaded(Path(self.module)):
            yield


@dataclass(frozen=True)
class GuestPlan:
    """What a guest's script needs. driver: the driver's module; variants: the plain build, Elite in
    the kernel, and each way to force deopts."""

    driver: str
    variants: Sequence[GuestVariant]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> GuestPlan:
        """One of `write`, by way of JSON."""
        return cls(data["driver"], [GuestVariant(**row) for row in data["variants"]])

    def write(self) -> dict[str, Any]:
        """It, for JSON."""
        return asdict(self)


def make_plan(
    plain: Path, elite: Path, stress: Path, forced: Sequence[str], headers: Headers, folder: Path
) -> GuestPlan:
    """Build the modules of a server's specialised and stress builds, below `folder`.

    forced: values of LP_FORCE_DEOPT. Raises LakePlacidError as build_modules does.
    """
    ordinary = build_modules(elite, headers, folder / "ordinary")
    stressed = build_modules(stress, headers, folder / "stress")
    return _plan(plain, (elite, ordinary), (stress, stressed), forced)


def stress_plan(stress: Path, forced: Sequence[str], headers: Headers, folder: Path) -> GuestPlan:
    """As make_plan, with a stress build alone: without its module it stands for the plain build,
    with it and no forced deopts for the specialised one."""
    build = stress, build_modules(stress, headers, folder)
    return _plan(stress, build, build, forced)


def _plan(
    plain: Path, elite: tuple[Path, Modules], stress: tuple[Path, Modules], forced: Sequence[str]
) -> GuestPlan:
    def in_kernel(name: str, build: tuple[Path, Modules], **settings: str) -> GuestVariant:
        program, modules = build
        environment = {"LP_ELITE": "kernel", **settings}
        return GuestVariant(name, str(program), str(modules.application), environment)

    return GuestPlan(
        str(elite[1].driver),
        [
            GuestVariant("plain", str(plain), "", {}),
            in_kernel("kernel", elite),
            *(in_kernel(f"kernel, forced {one}", stress, LP_FORCE_DEOPT=one) for one in forced),
        ],
    )


def run_plan(
    script: Path,
    plan: GuestPlan,
    more: Mapping[str, Any],
    *,
    kernel: str,
    folder: Path,
    timeout: float,
    show: Callable[[str], None],
    memory: int = 1024,
) -> list[Any]:
    """Run a guest's script with this plan, and `more` beside it; as run_script otherwise."""
    return run_script(
        script,
        {**plan.write(), **more},
        cache_folder(os.environ),
        os.environ,
        kernel=kernel,
        folder=folder,
        timeout=timeout,
        show=show,
        memory=memory,
    )


def run_tests(
    plan: GuestPlan,
    tests: Sequence[str],
    seconds: float,
    run: Callable[[GuestVariant, str], tuple[bool, str, Any]],
) -> None:
    """In the guest: run each of some files of tests with each variant, and print what came out as
    `GuestTests.read` takes it.

    seconds: none is begun later than that. run: returns whether it passed, that in words, and what
    came out, for JSON. What fails with the plain build is not run with the others.
    """
    end = time.monotonic() + seconds
    for test in tests:
        if time.monotonic() >= end:
            return
        for row in plan.variants:
            began = time.monotonic()
            with row.loaded():
                good, words, found = run(row, test)
            took = time.monotonic() - began
            print(f"{test}, {row.name}: {words} in {took:.0f} s", file=sys.stderr, flush=True)
            told = {"test": test, "variant": row.name, "good": good, "found": found}
            print(json.dumps(told), flush=True)
            if not good and row is plan.variants[0]:
                break


@dataclass
class GuestTests:
    """What run_tests printed. found: what came out, by variant and file of tests, of those that
    were run with each variant; failed: those that fail with the plain build; left: those that there
    was no time for."""

    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, Any] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, plan: GuestPlan, tests: Sequence[str], told: Sequence[Mapping[str, Any]]
    ) -> GuestTests:
        """tests: what was asked for; told may have others besides."""
        read = cls({row.name: {} for row in plan.variants})
        plain = plan.variants[0].name
        for row in (row for row in told if row["test"] in tests):
            if row["variant"] == plain and not row["good"]:
                read.failed[row["test"]] = row["found"]
            else:
                read.found[row["variant"]][row["test"]] = row["found"]
        read.left = tuple(t for t in tests if t not in read.failed and t not in read.found[plain])
        return read


class KeptTests:
    """What run_tests printed in earlier guests, in a file: a campaign of hours may be cut and gone
    with. It counts for the same variants only. path: None, to keep nothing."""

    def __init__(self, path: Path | None, plan: GuestPlan) -> None:
        self._path = path
        self._variants = [
            [hashlib.sha256(Path(row.program).read_bytes()).hexdigest(), dict(row.environment)]
            for row in plan.variants
        ]
        self.rows: list[dict[str, Any]] = []
        if path and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["variants"] == self._variants:
                self.rows = kept["rows"]

    def left(self, tests: Sequence[str]) -> list[str]:
        """Of these, the ones that no earlier guest has run."""
        done = {row["test"] for row in self.rows}
        return [test for test in tests if test not in done]

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what another guest printed."""
        self.rows += rows
        if not self._path:
            return
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        new.write_text(
            json.dumps({"variants": self._variants, "rows": self.rows}), encoding="utf-8"
        )
        new.replace(self._path)


@dataclass(frozen=True)
class GuestLoad:
    """A load with Elite in the kernel. sent: its requests; requests, finished: begun and finished
    in Elite by LP_STATS; deopts: by the driver's counter; places: where Elite was left."""

    sent: int
    requests: int
    finished: int
    deopts: int
    places: Sequence[str]

    @property
    def share(self) -> float:
        """Of the requests that were begun in Elite, what finished there."""
        return self.finished / max(1, self.requests)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.finished:,} of {self.requests:,} requests finished in Elite in the kernel: "
                f"{self.share:.2%}; by the driver, {self.deopts:,} deopts for {self.sent:,} sent",
                *(f"  {place}" for place in self.places),
            ]
        )


def measure_load(variant: GuestVariant, sent: int, load: Callable[[], Run]) -> GuestLoad:
    """In the guest: put a variant under a load of `sent` requests, and read what was counted."""
    with variant.loaded():
        found = load()
        (application,) = read_status()["applications"]
    places = [str(one) for one in found.deopts[:_PLACES]]
    return GuestLoad(sent, found.requests, found.finished, application["deopts"], places)
