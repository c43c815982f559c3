# SPDX-License-Identifier: GPL-2.0-only
"""Which function runs once a request, and which loop calls it: the candidates, in order.

A request function is called about as often as messages come in, does most of the program's own
work, and either receives and sends below itself (one call a client that has something to say) or
stands between the two (one call a message). Where a connection is a request or little more, one
call a connection will do. What waits below itself until some client has something to say is rather
a turn of the loop, and what forks a process each time is rather its caller's. Each of these is a
factor from 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lp_build.errors import LakePlacidError
from lp_build.init.survey import Counts, Survey
from lp_build.projection.libcalls import kernel_forms
from lp_build.source.survey import SurveyedFunction

_SELDOM = 0.02  # of the messages: what is called less often is no candidate
_MAIN = "main"
# What a function is worth by what goes in and out below it.
_BETWEEN = 0.4  # nothing does: its caller receives, calls it, and sends
_BOTH = 0.4  # and up to 1 by the share of messages
_RECEIVES = 0.15  # and up to _BETWEEN by how much of the program it reaches
_SENDS = 0.1  # and up to _LEADS likewise: what is called next to receiving, and does all the rest
_LEADS = 0.45
_TURN = 0.3  # what is left of that if each call waits for clients
_FORKS = 0.4  # the same if each call forks a process
_FEW = 4  # messages of a connection, up to which it may be one request
_CONNECTION = 0.95  # what one call a connection is worth, where one call a message is worth 1
_EACH = 0.1  # of the rounds of a loop: what happens less often is no matter
# A function is but a wrapper of one that it calls each time and that has this share of its work.
_ALWAYS, _WHOLE, _MOST = 0.95, 0.98, 0.6
_LONG = 8  # iterations in a call, from which on a loop is one that serves


@dataclass(frozen=True)
class Candidate:
    """A function and how well it fits, 0 to 1.

    once: how near its calls are to one a message; work: its share of the work of the busiest
    candidate; receives, sends: shares of all messages that come in and go out below it; turn: of
    its calls, the share in which the program waits for any of its clients (poll and its kin);
    forks: the share in which it makes a process; whole: its share of the busiest function's work,
    whatever that is.
    """

    function: SurveyedFunction
    counts: Counts
    score: float
    once: float
    work: float
    receives: float
    sends: float
    turn: float = 0.0
    forks: float = 0.0
    whole: float = 1.0


@dataclass(frozen=True)
class Loop:
    """The loop that calls the request function. function: it stands in; line: of the loop; leaves:
    library calls of its rounds that the kernel form can't make."""

    function: SurveyedFunction
    line: int
    calls: int
    iterations: int
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Messages:
    """What went in and out in the whole survey; number: what requests are counted by."""

    received: int
    sent: int
    accepted: int

    @property
    def number(self) -> int:
        """Messages in, else connections, else messages out."""
        return self.received or self.accepted or self.sent


def messages_of(survey: Survey) -> Messages:
    """What clients sent and got. Raises LakePlacidError when there was nothing."""
    found = Messages(
        survey.total("own_receives"), survey.total("own_sends"), survey.total("own_accepts")
    )
    if not found.number:
        raise LakePlacidError(
            "the survey saw no message of a client: nothing came in by a socket",
            remedy="run the surveyed program under its load, with clients that talk to it; a "
            "server that uses no sockets needs an lp.toml by hand",
        )
    return found


def rank(survey: Survey) -> list[Candidate]:
    """The candidates, the best first. Raises LakePlacidError when nothing was received or sent."""
    messages = messages_of(survey)
    often = {
        key: counts
        for key, counts in survey.counts.items()
        if counts.calls >= max(1, _SELDOM * messages.number) and survey.functions[key].name != _MAIN
    }
    work = {key: counts.cycles for key, counts in often.items() if _once(counts, messages) > 0.5}
    most = max(work.values(), default=0) or 1
    all_work = max((counts.cycles for counts in survey.counts.values()), default=0) or 1
    below = {key: survey.below(key) for key in often}
    widest = max(map(len, below.values()), default=0)
    found = []
    for key, counts in often.items():
        reached = [survey.counts[one] for one in {key, *below[key]}]
        one = _candidate(
            survey.functions[key],
            counts,
            messages,
            most,
            _breadth(len(below[key]), widest),
            min(1.0, sum(c.own_waits for c in reached) / counts.calls),
            min(1.0, sum(c.own_forks for c in reached) / counts.calls),
        )
        found.append(replace(one, whole=counts.cycles / all_work))
    found.sort(key=lambda one: (-one.score, one.function.key))
    return _without_wrappers(survey, found)


def _near(one: int, other: int) -> float:
    return min(one, other) / max(one, other, 1)


def _once(counts: Counts, messages: Messages) -> float:
    """How near its calls are to one a message, or to one a connection that is no more than that."""
    once = _near(counts.calls, messages.number)
    few = messages.accepted > 0 and messages.received <= _FEW * messages.accepted
    if few and counts.receives >= _WHOLE * messages.received:
        once = max(once, _CONNECTION * _near(counts.calls, messages.accepted))
    return once


def _breadth(reached: int, widest: int) -> float:
    return math.log1p(reached) / math.log1p(widest) if widest else 0.0


def _candidate(
    function: SurveyedFunction,
    counts: Counts,
    messages: Messages,
    most: int,
    breadth: float,
    turn: float,
    forks: float,
) -> Candidate:
    once = _once(counts, messages)
    work = min(1.0, counts.cycles / most)
    receives = min(1.0, counts.receives / messages.received) if messages.received else 0.0
    sends = min(1.0, counts.sends / messages.sent) if messages.sent else 0.0
    if counts.received and counts.sent:
        place = _BOTH + (1 - _BOTH) * min(receives, sends)
    elif counts.received:
        place = _RECEIVES + (_BETWEEN - _RECEIVES) * breadth * receives
    elif counts.sent:
        place = _SENDS + (_LEADS - _SENDS) * breadth * sends
    else:
        place = _BETWEEN
    place *= (1 - (1 - _TURN) * turn) * (1 - (1 - _FORKS) * forks)
    score = once * place * (0.25 + 0.75 * work)
    return Candidate(function, counts, score, once, work, receives, sends, turn, forks)


def _without_wrappers(survey: Survey, ranked: list[Candidate]) -> list[Candidate]:
    """The first candidate gives way to one that it only wraps: an event library's dispatcher, to
    the server's own handler."""
    if not ranked:
        return ranked
    by_key = {one.function.key: one for one in ranked}
    best = ranked[0]
    seen = {best.function.key}
    while True:
        inner = _wrapped(survey, best, by_key)
        if inner is None or inner.function.key in seen:
            break
        seen.add(inner.function.key)
        best = inner
    return [best, *(one for one in ranked if one is not best)]


def _wrapped(survey: Survey, outer: Candidate, by_key: dict[str, Candidate]) -> Candidate | None:
    own = outer.counts
    if own.own_receives or own.own_sends or not (own.received and own.sent):
        return None
    for key, edge in survey.callees(outer.function.key).items():
        inner = by_key.get(key)
        if inner is None or edge.calls < _ALWAYS * own.calls:
            continue
        counts = inner.counts
        whole = counts.receives >= _WHOLE * own.receives and counts.sends >= _WHOLE * own.sends
        if whole and counts.cycles >= _MOST * own.cycles and counts.calls * _ALWAYS <= own.calls:
            return inner
    return None


def find_loop(survey: Survey, request: str) -> Loop | None:
    """The loop that calls function `request` (a key), directly or not: the nearest in which the
    program waits for clients; else the nearest that goes round often."""
    within = survey.counts[request]
    second: Loop | None = None
    seen, level = {request}, [request]
    while level:
        callers: dict[str, int] = {}
        for key in level:
            for caller, edge in survey.callers(key).items():
                if caller not in seen:
                    callers[caller] = callers.get(caller, 0) + edge.calls
        for key in sorted(callers, key=lambda one: (-callers[one], one)):
            loop = _loop_of(survey, key, request)
            counts = survey.counts[key]
            outside = counts.waits - within.waits + counts.receives - within.receives
            if loop is not None and outside > 0:
                return loop
            second = second or loop
        seen.update(callers)
        level = list(callers)
    return second


def _leaves(survey: Survey, loop: str, request: str, rounds: int) -> tuple[str, ...]:
    """What the rounds of a loop call, outside of the request, that has no form in the kernel."""
    forms = kernel_forms()
    outside = {loop, *survey.below(loop)} - {request, *survey.below(request)}
    found: set[str] = set()
    for counts in map(survey.counts.__getitem__, outside):
        often = {
            "fork": counts.own_forks,
            "accept": counts.own_accepts,
            "accept4": counts.own_accepts,
        }
        other = counts.own_waits + counts.own_receives + counts.own_sends
        found |= {
            name for name in counts.called - forms if often.get(name, other) >= _EACH * rounds
        }
    return tuple(sorted(found))


def _loop_of(survey: Survey, key: str, request: str) -> Loop | None:
    """The busiest loop of a function in which Elite can be entered, if it goes round often."""
    function, counts = survey.functions[key], survey.counts[key]
    rounds = [
        (seen, loop.line)
        for seen, loop in zip(survey.loops[key], function.loops, strict=True)
        if loop.enterable
    ]
    if not rounds:
        return None
    iterations, line = max(rounds)
    if iterations < _LONG * max(1, counts.calls):
        return None
    leaves = _leaves(survey, key, request, iterations)
    return Loop(function, line, counts.calls, iterations, leaves)
