# SPDX-License-Identifier: GPL-2.0-only
"""How long memcached's configure and build take with LakePlacid's compiler, and without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from lp_build.bench import builds
from lp_build.bench.report import Part, new_table
from lp_build.bench.timing import Comparison, Machine, Seconds, Series, timed
from lp_build.cache import cache_folder
from lp_build.demo.command import clean_environment
from lp_build.steps import tool

REPEATS = 3
JOBS = "-j2"
TARGET = "memcached"
MANIFEST = "lp-manifest.toml"
CONFIGURE, CONFIGURE_LP = "CC=cc ./configure", "CC=lp-cc ./configure"
CONFIGURE_PHASE = "LP_PHASE=scout CC=lp-cc ./configure"
PLAIN, SCOUT, SPECIALIZE = "make", "lp-wrap --phase scout make", "lp-wrap --phase specialize make"
Run = Callable[[], Seconds]


def in_turns(runs: Mapping[str, Run], repeats: int, say: Callable[[str], None]) -> Comparison:
    """Each run once, and that `repeats` times, so that what disturbs one disturbs all."""
    taken: dict[str, list[Seconds]] = {name: [] for name in runs}
    others: list[tuple[float, float]] = []
    for turn in range(repeats):
        for name, run in runs.items():
            say(f"  {turn + 1} of {repeats}: {name}")
            before = Machine.look()
            seconds = run()
            after = Machine.look()
            taken[name].append(seconds)
            # Weighted by the clock, because runs differ in length.
            others.append((after.others_share(before, seconds.cpu), after.wall - before.wall))
    share = sum(one * weight for one, weight in others) / sum(weight for _, weight in others)
    return Comparison({name: Series(tuple(runs)) for name, runs in taken.items()}, share)


@dataclass(frozen=True)
class _Trees:
    """Two trees that are configured and have nothing built."""

    plain: Any
    wrapped: Any


def _trees(work: Path, compiler: str, say: Callable[[str], None]) -> _Trees:
    steps = builds.recipe()
    folder = work / "bench" / "memcached"
    key = builds.compiler_key(compiler)
    trees = []
    for name, cc in (("timing-plain", compiler), ("timing-wrapped", tool("lp-cc"))):
        with builds.built_once(folder / name, f"{cc}\n{key}") as fresh:
            tree = steps.Tree(folder / name)
            if fresh:
                say(f"memcached: configuring it: {name}")
                steps.prepare(folder / name, cache_folder(os.environ))
                steps.Builder(cc).configure(tree)
        trees.append(tree)
    return _Trees(*trees)


def measure_make(work: Path, compiler: str, say: Callable[[str], None]) -> Part:
    """`make` of libevent and memcached, the plain one and each phase's, from nothing."""
    # For its manifest: the one that was made from traces of a load.
    program = builds.memcached(work, compiler, say).scouted
    manifest = next(f for f in program.parents if (f / MANIFEST).exists()) / MANIFEST
    trees = _trees(work, compiler, say)
    environment = clean_environment()

    def make(tree: Any, *words: str) -> Seconds:
        for folder in (tree.libevent, tree.memcached):
            timed(["make", "clean"], folder, environment)
        first = timed([*words, "make", JOBS], tree.libevent, environment)
        second = timed([*words, "make", JOBS, TARGET], tree.memcached, environment)
        return Seconds(first.wall + second.wall, first.cpu + second.cpu)

    def scout() -> Seconds:
        (trees.wrapped.root / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(trees.wrapped.root / ".lp", ignore_errors=True)
        return make(trees.wrapped, *_wrap("scout"))

    def specialize() -> Seconds:
        # What scouting left in .lp stays, as it does for a user; the runtime is made anew.
        shutil.rmtree(trees.wrapped.root / ".lp" / "runtime", ignore_errors=True)
        shutil.copy(manifest, trees.wrapped.root)
        return make(trees.wrapped, *_wrap("specialize"))

    say("memcached: timing its build")
    runs = {PLAIN: lambda: make(trees.plain), SCOUT: scout, SPECIALIZE: specialize}
    found = in_turns(runs, REPEATS, say)
    figures = {
        "wrap_make_ratio_scout": found.ratio(SCOUT, PLAIN),
        "wrap_make_ratio_specialize": found.ratio(SPECIALIZE, PLAIN),
    }
    title = f"Building libevent and memcached, {JOBS}, from nothing"
    return Part(
        "builds",
        figures,
        {"repeats": REPEATS, **found.to_json(PLAIN)},
        (comparison_table(title, found, PLAIN),),
        (_note("builds", found),),
    )


def _wrap(phase: str) -> list[str]:
    return [tool("lp-wrap"), "--phase", phase, "--"]


def measure_configure(work: Path, compiler: str, say: Callable[[str], None]) -> Part:
    """memcached's `./configure`, in a copy of its sources."""
    trees = _trees(work, compiler, say)
    folder = work / "bench" / "memcached" / "configure"
    pristine = builds.recipe().fetch(builds.recipe().MEMCACHED, cache_folder(os.environ))
    # configure links programs with libevent.
    timed(["make", JOBS], trees.plain.libevent, clean_environment())

    def configure(cc: str, **settings: str) -> Run:
        def run() -> Seconds:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(pristine, folder, symlinks=True)
            stage = f"--with-libevent={trees.plain.stage}"
            return timed(
                ["env", f"CC={cc}", "./configure", stage],
                folder,
                {**clean_environment(), **settings},
            )

        return run

    say("memcached: timing its configure")
    phase = {"LP_PHASE": "scout", "LP_DIR": str(folder / ".lp")}
    runs = {
        CONFIGURE: configure(compiler),
        CONFIGURE_LP: configure(tool("lp-cc")),
        CONFIGURE_PHASE: configure(tool("lp-cc"), **phase),
    }
    found = in_turns(runs, REPEATS, say)
    ratios = [found.ratio(name, CONFIGURE) for name in (CONFIGURE_LP, CONFIGURE_PHASE)]
    return Part(
        "configure",
        {"configure_ratio": max(ratios)},
        {"repeats": REPEATS, **found.to_json(CONFIGURE)},
        (comparison_table("memcached's ./configure", found, CONFIGURE),),
        (_note("configure", found), "configure: the figure is the worse of without and with phase"),
    )


def comparison_table(title: str, found: Comparison, baseline: str) -> Table:
    """Seconds and ratios of all series."""
    table = new_table(title, "command", "wall s", "sd", "ratio", "cpu s", "sd", "ratio")
    for name, one in found.series.items():
        table.add_row(
            name,
            f"{one.wall.median:.2f}",
            f"{one.wall.sd:.2f}",
            f"{found.wall_ratio(name, baseline):.2f}",
            f"{one.cpu.median:.2f}",
            f"{one.cpu.sd:.2f}",
            f"{found.cpu_ratio(name, baseline):.2f}",
        )
    return table


def _note(what: str, found: Comparison) -> str:
    by = "by the clock" if found.by == "wall" else "of processor time (user and system)"
    return (
        f"{what}: ratios of medians of {REPEATS} runs in turns, {by}: others used "
        f"{found.others:.0%} of the machine meanwhile"
    )
