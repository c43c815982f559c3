# SPDX-License-Identifier: GPL-2.0-only
"""Profiles without a compiler: functions, classes and traces made by hand."""

from __future__ import annotations

from pathlib import Path

from lp_build.manifest.classes import Profile
from lp_build.manifest.traces import PathClass, Target, Trace
from lp_build.model.sites import Arm, Function, ScoutTable, Site


def function(
    name: str,
    *sites: Site,
    file: str = "a.c",
    digest: str = "d0",
    weight: int = 10,
    static: bool = False,
) -> Function:
    return Function(file, name, 1, static, digest, weight, sites)


def condition(ordinal: int, true: int = 5, false: int = 5, kind: str = "if") -> Site:
    """A site with two arms of these weights."""
    line = 10 + ordinal
    arms = (Arm("true", true, line), Arm("false", false, line))
    return Site(ordinal, kind, line, 3, arms)


def switch(ordinal: int, *names: str) -> Site:
    return Site(ordinal, "switch", 10 + ordinal, 3, tuple(Arm(n, 5, 20) for n in names))


def icall(ordinal: int) -> Site:
    return Site(ordinal, "icall", 10 + ordinal, 3, ())


def path(count: int, *arms: str, kind: int = 0) -> PathClass:
    """A class of `count` requests; arms of a.c, as `f`, `f:0:true`, …"""
    return PathClass(kind, frozenset(f"a.c:{arm}" for arm in arms), count)


def trace(
    where: Path,
    functions: tuple[Function, ...],
    classes: tuple[PathClass, ...],
    targets: tuple[Target, ...] = (),
) -> Trace:
    where.touch()
    firsts = tuple(tuple(0 for _ in f.sites) for f in functions)
    calls = tuple((0, 0) for _ in functions)
    table = ScoutTable(functions, tuple(0 for _ in functions), firsts, calls)
    return Trace(where, (table,), classes, targets, ())


def profile(
    functions: tuple[Function, ...], *classes: PathClass, targets: tuple[Target, ...] = ()
) -> Profile:
    return Profile({f.key: f for f in functions}, classes, targets, ())
