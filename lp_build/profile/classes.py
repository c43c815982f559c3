"""Classes of equal paths, from all traces, and their greedy merge (thesis 3.1.1)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lp_build.profile.traces import ITERATION, REQUEST, PathClass, Target, Trace
from lp_build.source.model import Function


@dataclass(frozen=True)
class Profile:
    """What all traces together say.

    functions: those of the sources that the manifest is for. warnings: functions that changed
    between traces, files cut off.
    """

    functions: Mapping[str, Function]
    classes: tuple[PathClass, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]

    def requests(self, kind: int = REQUEST) -> int:
        """How many requests (or loop iterations) were seen."""
        return sum(c.count for c in self.classes if c.kind == kind)


def function_of(arm: str) -> str:
    """The key of the function that an arm (or an entry) belongs to."""
    parts = arm.split(":")
    return ":".join(parts[:2])


Sources = Mapping[str, Mapping[str, Function]]  # by key, then by digest


def _plain(name: str) -> str:
    """A name in a trace less the digest that tells versions of a function apart."""
    file, _, rest = name.partition(":")
    function, colon, arm = rest.partition(":")
    return f"{file}:{function.partition('#')[0]}{colon}{arm}"


def _choose_functions(traces: Sequence[Trace], current: Sources | None) -> dict[str, Function]:
    """The version of each function that counts (see `merge_traces`)."""
    busy = {id(t): sum(c.count for c in t.classes) for t in traces}
    entered = {id(t): {function_of(a) for c in t.classes for a in c.arms} for t in traces}
    best: dict[str, tuple[bool, bool, int, int]] = {}
    functions: dict[str, Function] = {}
    for trace in traces:
        digests = set(trace.digests)
        for function in (f for table in trace.tables for f in table.functions):
            key, known = function.key, (current or {}).get(function.key)
            name = key if key in digests else f"{key}#{function.digest}"
            rank = (
                known is not None and function.digest in known,
                name in entered[id(trace)],
                busy[id(trace)] if known else trace.modified,
                trace.modified if known else busy[id(trace)],
            )
            if key not in best or rank > best[key]:
                best[key] = rank
                functions[key] = function
    for key in functions:
        known = (current or {}).get(key)
        if known and functions[key].digest not in known:
            functions[key] = next(iter(known.values()))
    return functions


def merge_traces(traces: Sequence[Trace], current: Sources | None) -> Profile:
    """Merge traces of any number of processes and machines by stable names.

    `current`: the functions of the captured sources, where known; one that is compiled twice with
    other macros has several digests. Of each function one digest counts: among those that are
    current, the one that the busiest trace entered; where the sources are not known, the one that
    the newest trace entered. Other traces say nothing of that function.
    """
    functions = _choose_functions(traces, current)
    warnings = [warning for trace in traces for warning in trace.warnings]
    counts: Counter[tuple[int, frozenset[str]]] = Counter()
    targets: Counter[tuple[str, str]] = Counter()
    left_out: dict[str, list[Trace]] = {}
    for trace in traces:
        digests = trace.digests
        changed = {n for n, digest in digests.items() if functions[_plain(n)].digest != digest}
        variants = any("#" in name for name in digests)
        seen: set[str] = set()
        for item in trace.classes:
            arms = item.arms
            if changed:
                seen |= {name for name in map(function_of, arms) if name in changed}
                arms = frozenset(a for a in arms if function_of(a) not in changed)
            if variants:
                arms = frozenset(map(_plain, arms))
            counts[item.kind, arms] += item.count
        for target in trace.targets:
            if function_of(target.site) not in changed:
                targets[_plain(target.site), target.symbol] += target.count
        for name in seen:
            left_out.setdefault(_plain(name), []).append(trace)
    for key, those in sorted(left_out.items()):
        more = f" and {len(those) - 1} more traces" if len(those) > 1 else ""
        warnings.append(
            f"{key} has changed since, or has another version that counts: what {those[0].path}"
            f"{more} saw there is left out"
        )
    classes = tuple(
        PathClass(kind, arms, count)
        for (kind, arms), count in sorted(
            counts.items(), key=lambda entry: (entry[0][0], -entry[1], sorted(entry[0][1]))
        )
    )
    merged = tuple(Target(site, symbol, count) for (site, symbol), count in targets.items())
    return Profile(functions, classes, merged, tuple(warnings))


def arm_weights(functions: Mapping[str, Function]) -> dict[str, int]:
    """Bytes of source that each arm, and each function's entry, adds to the hot code."""
    weights: dict[str, int] = {}
    for function in functions.values():
        weights[function.key] = function.weight
        for site in function.sites:
            for arm in site.arms:
                weights[f"{function.key}:{site.ordinal}:{arm.name}"] = arm.weight
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
