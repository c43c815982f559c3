# SPDX-License-Identifier: GPL-2.0-only
"""Classes of equal paths, from all traces, and their greedy merge (thesis 3.1.1)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lp_build.manifest.traces import ITERATION, REQUEST, PathClass, Target, Trace
from lp_build.model.sites import Function, function_of, name_versions, unversioned


@dataclass(frozen=True)
class Way:
    """What requests did, for the forecast: the arms that they took and the calls that they made,
    by name, those of functions that have changed left out but for their entries.

    looped: whether they began in an iteration of the loop, which had then done what `before` says
    (None: that is not known).
    """

    arms: frozenset[str]
    calls: frozenset[str]
    count: int
    looped: bool = False
    before: Way | None = None


@dataclass(frozen=True)
class Profile:
    """What all traces together say.

    functions: those of the sources that the manifest is for, by name (see `name_versions`), as
    arms and targets name them too. warnings: functions that changed between traces, files cut off.
    units: of functions in several versions, the names of files that are compiled with each. ways:
    requests in more detail than classes.
    """

    functions: Mapping[str, Function]
    classes: tuple[PathClass, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]
    units: Mapping[str, Collection[str]] = field(default_factory=dict)
    ways: tuple[Way, ...] = ()

    def requests(self, kind: int = REQUEST) -> int:
        """How many requests (or loop iterations) were seen."""
        return sum(c.count for c in self.classes if c.kind == kind)


Sources = Mapping[str, Mapping[str, Function]]  # by key, then by digest


def _choose_functions(traces: Sequence[Trace], current: Sources | None) -> Sources:
    """The versions of each function that count (see `merge_traces`)."""
    busy = {id(t): sum(c.count for c in t.classes) for t in traces}
    best: dict[str, tuple[bool, int, int]] = {}
    functions: dict[str, Mapping[str, Function]] = {}
    for trace in traces:
        entered = {unversioned(function_of(a)) for c in trace.classes for a in c.arms}
        versions: dict[str, dict[str, Function]] = {}
        for function in (f for table in trace.tables for f in table.functions):
            versions.setdefault(function.key, {})[function.digest] = function
        for key, found in versions.items():
            known = (current or {}).get(key)
            rank = (key in entered, trace.modified, busy[id(trace)])
            if known:
                functions[key] = known
            elif key not in best or rank > best[key]:
                best[key], functions[key] = rank, found
    return functions


def merge_traces(traces: Sequence[Trace], current: Sources | None) -> Profile:
    """Merge traces of any number of processes and machines by stable names.

    `current`: the functions of the captured sources, where known; one that is compiled twice with
    other macros has several digests, and each of them counts for itself. Where the sources are not
    known, those versions count that the program of the newest trace that entered any has. Traces
    say nothing of other versions.
    """
    chosen = _choose_functions(traces, current)
    names = name_versions(f for versions in chosen.values() for f in versions.values())
    functions = {
        names[key, digest]: function
        for key, versions in chosen.items()
        for digest, function in versions.items()
    }
    warnings = [warning for trace in traces for warning in trace.warnings]
    counts: Counter[tuple[int, frozenset[str]]] = Counter()
    targets: Counter[tuple[str, str]] = Counter()
    left_out: dict[str, list[Trace]] = {}
    units: dict[str, set[str]] = {}
    ways: Counter[Way] = Counter()
    for trace in traces:
        # What a function of this trace is called here, where that is something else; None: it has
        # changed.
        other = {
            name: names.get(version)
            for version, name in trace.names.items()
            if names.get(version) != name
        }
        seen: set[str] = set()

        def renamed(
            arm: str, other: Mapping[str, str | None] = other, seen: set[str] = seen
        ) -> str | None:
            function = function_of(arm)
            if function not in other:
                return arm
            name = other[function]
            if name is None:
                seen.add(function)
                return None
            return name + arm[len(function) :]

        for item in trace.classes:
            arms = item.arms
            if other:
                arms = frozenset(name for name in map(renamed, arms) if name is not None)
            counts[item.kind, arms] += item.count
        for way in _ways(trace, renamed):
            ways[replace(way, count=0)] += way.count
        left = seen.copy()
        for target in trace.targets:
            site = renamed(target.site)
            if site is not None:
                targets[site, target.symbol] += target.count
        for name in left:
            left_out.setdefault(unversioned(name), []).append(trace)
        for table in trace.tables:
            files = {Path(f.file).name for f in table.functions}
            for function in table.functions:
                known = names.get((function.key, function.digest))
                if known is not None and known != function.key:
                    units.setdefault(known, set()).update(files)
    for key, those in sorted(left_out.items()):
        more = f" and {len(those) - 1} more traces" if len(those) > 1 else ""
        warnings.append(
            f"{key} has changed since: what {those[0].path}{more} saw there is left out"
        )
    classes = tuple(
        PathClass(kind, arms, count)
        for (kind, arms), count in sorted(
            counts.items(), key=lambda entry: (entry[0][0], -entry[1], sorted(entry[0][1]))
        )
    )
    merged = tuple(Target(site, symbol, count) for (site, symbol), count in targets.items())
    walked = tuple(replace(way, count=count) for way, count in ways.items())
    return Profile(functions, classes, merged, tuple(warnings), units, walked)


def _ways(trace: Trace, renamed: Callable[[str], str | None]) -> Iterator[Way]:
    """What a trace's requests did. renamed: a name of this trace as all traces have it, None: of a
    function that has changed."""
    known: dict[int, Way] = {}

    def arm_name(arm: str) -> str | None:
        name = renamed(arm)
        # That a function was entered counts, whatever it has become.
        return unversioned(arm) if name is None and function_of(arm) == arm else name

    def way(item: PathClass, count: int) -> Way:
        # A class is before requests of many classes.
        if id(item) not in known:
            arms = frozenset(name for name in map(arm_name, item.arms) if name is not None)
            calls = frozenset(name for name in map(renamed, item.calls) if name is not None)
            known[id(item)] = Way(arms, calls, 0)
        return replace(known[id(item)], count=count)

    rest = [item.count for item in trace.classes]
    for turn in trace.turns:
        rest[turn.request] -= turn.count
        before = way(turn.before, 0) if turn.before else None
        request = way(trace.classes[turn.request], turn.count)
        yield replace(request, looped=True, before=before)
    for item, count in zip(trace.classes, rest, strict=True):
        if item.kind == REQUEST and count > 0:
            yield way(item, count)


def seen_too_little(profile: Profile, threshold: float) -> str:
    """A warning where what was traced is not enough to tell what will come; "" where it is.

    The share of requests whose way is one of its own estimates the share of coming requests that
    go ways which nobody has seen (I. J. Good, 1953): it is to be below what may be left out.
    """
    total = profile.requests()
    single = sum(c.count == 1 for c in profile.classes if c.kind == REQUEST)
    if not total or single / total <= 1 - threshold:
        return ""
    return (
        f"scouting saw too little: {single} of {total} requests went a way that no other went, so "
        f"about {single / total:.1%} of what comes will go ways that are not known; scout under a "
        "longer load"
    )


def arm_weights(functions: Mapping[str, Function]) -> dict[str, int]:
    """Bytes of source that each arm, and each function's entry, adds to the hot code."""
    weights: dict[str, int] = {}
    for name, function in functions.items():
        weights[name] = function.weight
        for site in function.sites:
            for arm in site.arms:
                weights[f"{name}:{site.ordinal}:{arm.name}"] = arm.weight
    return weights


@dataclass(frozen=True)
class Step:
    """One step of the merge. covered: requests covered once it is taken, those that come for free
    with it included. weight: bytes of source that it added. new: the arms that it added."""

    chosen: PathClass
    covered: int
    weight: int
    new: frozenset[str]


@dataclass(frozen=True)
class Merge:
    """The result for one kind: the hot arms, the steps that made them, and what would be next."""

    hot: frozenset[str]
    steps: tuple[Step, ...]
    rest: tuple[Step, ...]
    total: int

    @property
    def covered(self) -> float:
        """The share of requests whose whole path is hot."""
        return self.steps[-1].covered / self.total if self.steps and self.total else 0.0


def merge_classes(
    classes: Sequence[PathClass], weights: Mapping[str, int], threshold: float, kind: int = REQUEST
) -> Merge:
    """Add classes until the threshold share is covered, with as little code as possible.

    The thesis (3.1.1) says that sets of equal paths are "greedily synthesized into a manifest",
    and not by which measure. Ours: each step takes the class with the most requests for each byte
    of source that it adds; where a single class would reach the threshold, the one of those that
    adds the least is taken instead. Classes whose arms are all hot already come for free. The
    remaining classes follow, in the same order, as `rest`. threshold: a share (0 to 1) of requests.
    """
    known = [c for c in classes if c.kind == kind]
    total = sum(c.count for c in known)
    # Less what rounding adds: 0.55 of 100 is 55 requests, and not 55.00000000000001.
    goal = math.ceil(threshold * total - 1e-9 * max(total, 1))
    # There may be tens of thousands of classes with hundreds of arms each, and a step for each of
    # thousands: what a step changes is found by the arms that it makes hot.
    counts = [c.count for c in known]
    costs = [sum(weights.get(arm, 1) for arm in c.arms) for c in known]
    cold = [len(c.arms) for c in known]
    holders: dict[str, list[int]] = {}
    for number, item in enumerate(known):
        for arm in item.arms:
            holders.setdefault(arm, []).append(number)
    waiting = list(range(len(known)))
    covered = 0
    steps: list[Step] = []
    rest: list[Step] = []
    while waiting:
        done = covered >= goal and bool(steps)
        enough = [] if done else [n for n in waiting if covered + counts[n] >= goal]
        if enough:
            chosen = min(enough, key=lambda n: (costs[n], -counts[n]))
        else:
            chosen = max(waiting, key=lambda n: (counts[n] / (costs[n] + 1), counts[n]))
        cost = costs[chosen]
        # An arm that is hot already has no holders any more.
        new = frozenset(arm for arm in known[chosen].arms if arm in holders)
        for arm in new:
            weight = weights.get(arm, 1)
            for number in holders.pop(arm):
                costs[number] -= weight
                cold[number] -= 1
        covered += sum(counts[n] for n in waiting if not cold[n])
        waiting = [n for n in waiting if cold[n]]
        (rest if done else steps).append(Step(known[chosen], covered, cost, new))
    accepted = frozenset().union(*(step.new for step in steps)) if steps else frozenset()
    return Merge(accepted, tuple(steps), tuple(rest), total)


__all__ = ["ITERATION", "REQUEST", "Merge", "Profile", "Step", "merge_classes", "merge_traces"]
