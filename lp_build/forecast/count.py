# SPDX-License-Identifier: GPL-2.0-only
"""Paths of requests against what stops Elite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lp_build.forecast.model import Cause, Loss, PlaceForecast
from lp_build.manifest.classes import Way

_UNKNOWN_TURN = Cause(
    "", 0, "what its loop had done before", "it was not traced: there were too many different turns"
)


@dataclass
class Triggers:
    """What of a path says that Elite stops in it, by the names that traces have.

    sure: a request that has the arm, or made the call, leaves Elite there. likely: most of them do,
    but not all may. outside: in the kernel with a loop, what keeps a request from beginning that
    was made outside of it.
    """

    sure: dict[str, Cause] = field(default_factory=dict)
    likely: dict[str, Cause] = field(default_factory=dict)
    outside: Cause | None = None

    def of(self, way: Way) -> _Stops:
        """The causes in a way."""
        sure = {self.sure[name] for name in self.sure.keys() & way.arms}
        sure |= {self.sure[name] for name in self.sure.keys() & way.calls}
        likely = {self.likely[name] for name in self.likely.keys() & way.arms}
        likely |= {self.likely[name] for name in self.likely.keys() & way.calls}
        return _Stops(frozenset(sure), frozenset(likely - sure))


@dataclass(frozen=True)
class _Stops:
    sure: frozenset[Cause]
    likely: frozenset[Cause]


@dataclass(frozen=True)
class _Group:
    """Requests that are stopped by the same. begins: whether they begin in Elite."""

    causes: frozenset[Cause]
    sure: bool
    begins: bool


def forecast_place(place: str, ways: Sequence[Way], triggers: Triggers) -> PlaceForecast:
    """What becomes of these requests there."""
    looped = triggers.outside is not None
    groups: Counter[_Group] = Counter()
    known: dict[int, _Stops] = {}  # what was before a request was before many
    for way in ways:
        stops = _before(way, triggers, known) if looped else None
        begins = stops is None
        if stops is None:
            stops = triggers.of(way)
        elif not stops.sure:
            own = triggers.of(way)
            if own.sure:
                stops, begins = own, True
            else:
                stops = _Stops(frozenset(), stops.likely | own.likely)
        groups[_Group(stops.sure or stops.likely, bool(stops.sure), begins)] += way.count
    total = sum(groups.values())
    finished = sum(count for group, count in groups.items() if not group.causes)
    doubtful = sum(count for group, count in groups.items() if group.causes and not group.sure)
    kept_out = sum(count for group, count in groups.items() if not group.begins and group.causes)
    return PlaceForecast(
        place, total, finished, finished + doubtful, total - kept_out, _losses(groups)
    )


def _before(way: Way, triggers: Triggers, known: dict[int, _Stops]) -> _Stops | None:
    """What keeps a request from beginning in a loop that runs in Elite; None: nothing does."""
    if not way.looped:
        assert triggers.outside is not None
        return _Stops(frozenset([triggers.outside]), frozenset())
    if way.before is None:
        return _Stops(frozenset(), frozenset([_UNKNOWN_TURN]))
    if id(way.before) not in known:
        known[id(way.before)] = triggers.of(way.before)
    found = known[id(way.before)]
    return found if found.sure or found.likely else None


def _losses(groups: Mapping[_Group, int]) -> tuple[Loss, ...]:
    """Each lost request counted once: for the cause that stops most of those that are left."""
    left = {group: count for group, count in groups.items() if group.causes}
    losses: list[Loss] = []
    while left:
        passing: Counter[Cause] = Counter()
        for group, count in left.items():
            for cause in group.causes:
                passing[cause] += count
        worst = min(passing, key=lambda cause: (-passing[cause], cause.file, cause.line))
        taken = {group: count for group, count in left.items() if worst in group.causes}
        losses.append(
            Loss(
                worst,
                passing[worst],
                _sum(count for group, count in taken.items() if not group.begins),
                all(group.sure for group in taken),
            )
        )
        left = {group: count for group, count in left.items() if group not in taken}
    return tuple(losses)


def _sum(counts: Iterable[int]) -> int:
    return sum(counts)
