# SPDX-License-Identifier: GPL-2.0-only
"""The proposal: what `lp.toml` is to say, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lp_build.config import Config, is_function
from lp_build.errors import LakePlacidError
from lp_build.init.candidates import (
    Candidate,
    Loop,
    Messages,
    find_loop,
    messages_of,
    rank,
)
from lp_build.init.survey import Survey
from lp_build.init.usable import Obstacle
from lp_build.layout import BuildDir

_ALTERNATIVES = 5
_WORTH = 0.25  # of the first candidate's score: what has less is not worth telling
# What makes the proposal a guess: less than this of a score, of one call a message, and of the work
# of whatever does most.
_UNLIKELY, _SELDOM, _LITTLE = 0.1, 0.5, 0.15
_SPARE = 3 / 4  # of the slots: threads may keep these between requests


@dataclass(frozen=True)
class Proposal:
    """request, loop_name: as `lp.toml` names them. loop: that calls it, whether or not Elite can
    stay in it. reasons: sentences. alternatives: with why each is not the first. stack_count: None
    for the default. unsure: whether nothing fits well."""

    candidate: Candidate
    loop: Loop | None
    messages: Messages
    reasons: tuple[str, ...]
    alternatives: tuple[tuple[Candidate, str], ...]
    names: dict[str, str]
    stack_count: int | None
    unsure: bool

    @property
    def request(self) -> str:
        """The request function."""
        return self.names[self.candidate.function.key]

    @property
    def loop_name(self) -> str | None:
        """The loop function; None if there is none in which Elite can stay."""
        return self.names[self.loop.function.key] if self.loop and not self.loop.leaves else None


def propose(survey: Survey, build: BuildDir, request: str | None = None) -> Proposal:
    """Choose the request function, or explain the one that the user chose (`request`, as in
    lp.toml). Raises LakePlacidError when there is none."""
    messages = messages_of(survey)
    ranked = rank(survey)
    obstacle = Obstacle(build)
    refused: list[tuple[Candidate, str]] = []
    if request is not None:
        ranked = _chosen(ranked, request, survey)
    for candidate in ranked:
        why = obstacle.of(candidate.function)
        if not why:
            break
        if request is not None:
            raise LakePlacidError(why, file=candidate.function.file, line=candidate.function.line)
        refused.append((candidate, why))
    else:
        raise _none(refused)
    others = [
        (one, _lesser(one, candidate))
        for one in ranked[len(refused) + 1 :]
        if one.score >= _WORTH * candidate.score
    ]
    alternatives = tuple([*refused, *others][:_ALTERNATIVES])
    loop = find_loop(survey, candidate.function.key)
    named = [candidate.function, *(one.function for one, _ in alternatives)]
    named += [loop.function] if loop else []
    return Proposal(
        candidate,
        loop,
        messages,
        tuple(_reasons(survey, candidate, loop, messages)),
        alternatives,
        _names(survey, {function.key for function in named}),
        _stack_count(survey.threads),
        candidate.score < _UNLIKELY or candidate.once < _SELDOM or candidate.whole < _LITTLE,
    )


def _chosen(ranked: Sequence[Candidate], request: str, survey: Survey) -> list[Candidate]:
    chosen = [one for one in ranked if is_function(request, one.function.file, one.function.name)]
    if chosen:
        return [chosen[0], *(one for one in ranked if one is not chosen[0])]
    known = any(is_function(request, f.file, f.name) for f in survey.functions.values())
    raise LakePlacidError(
        f"`{request}` was hardly called in the survey"
        if known
        else f"the surveyed program has no function `{request}`",
        remedy="name one of those that `lp init --show` lists",
    )


def _none(refused: Sequence[tuple[Candidate, str]]) -> LakePlacidError:
    if refused:
        candidate, why = refused[0]
        return LakePlacidError(
            f"no function can be proposed; the best would not do: {why}",
            file=candidate.function.file,
            line=candidate.function.line,
            remedy="give the request a function of its own, called once a message",
        )
    return LakePlacidError(
        "no function is called about as often as messages come in",
        remedy="give the request a function of its own; or let clients send more than a few",
    )


def _names(survey: Survey, keys: set[str]) -> dict[str, str]:
    """Each function as lp.toml names it: with its file where the name alone is not enough."""
    often: dict[str, int] = {}
    for function in survey.functions.values():
        often[function.name] = often.get(function.name, 0) + 1
    return {
        key: survey.functions[key].name if often[survey.functions[key].name] == 1 else key
        for key in keys
    }


def _stack_count(threads: int) -> int | None:
    """Slots enough for the threads that were seen; None where the default is."""
    default = next(
        int(str(f.default)) for f in Config.__dataclass_fields__.values() if f.name == "stack_count"
    )
    count = default
    while count * _SPARE < threads and count < 4096:
        count *= 2
    return count if count != default else None


def _times(number: int, unit: str) -> str:
    return f"{number:,} {unit}" + ("" if number == 1 else "s")


def _reasons(
    survey: Survey, candidate: Candidate, loop: Loop | None, messages: Messages
) -> list[str]:
    function, counts = candidate.function, candidate.counts
    if messages.received:
        base = f"{_times(messages.received, 'message')} came in"
    else:
        base = f"{_times(messages.accepted or messages.sent, 'client')} came"
    reasons = [
        f"{function.name} ({function.file}:{function.line}) was called "
        f"{_times(counts.calls, 'time')}, while {base}."
    ]
    if loop is not None:
        reasons.append(
            f"It is called by the loop of {loop.function.name} ({loop.function.file}:{loop.line}), "
            f"which went round {_times(loop.iterations, 'time')}{_by(loop.calls)}."
        )
        if loop.leaves:
            reasons.append(
                f"That is no `loop` for lp.toml: its rounds call {' and '.join(loop.leaves)}, "
                "which cannot be made in the kernel."
            )
    else:
        reasons.append("No loop in which Elite could be entered was seen to call it.")
    if counts.received and counts.sent:
        reasons.append(
            f"{candidate.receives:.0%} of the messages are received, and {candidate.sends:.0%} of "
            "the answers sent, below it."
        )
    elif counts.received:
        reasons.append(
            f"{candidate.receives:.0%} of the messages are received below it; answers are sent "
            "elsewhere."
        )
    elif counts.sent:
        reasons.append(
            f"{candidate.sends:.0%} of the answers are sent below it; messages are received "
            "elsewhere."
        )
    else:
        reasons.append("It stands between receiving and sending: neither happens below it.")
    if candidate.turn >= 0.5:
        reasons.append("The program waits for clients below it too, so a request is a turn.")
    if candidate.forks >= 0.5:
        reasons.append("It makes a process each time.")
    if candidate.whole < _LITTLE:
        most = max(survey.counts, key=lambda key: survey.counts[key].cycles)
        reasons.append(
            f"It does {candidate.whole:.0%} of the work of {survey.functions[most].name}, which "
            "does most: give the request a function of its own."
        )
    elif candidate.work >= 0.99:
        reasons.append("Nothing else that runs once a message does more of the program's own work.")
    return reasons


def _by(calls: int) -> str:
    return "" if calls == 1 else f" in {_times(calls, 'call')}"


def _lesser(one: Candidate, best: Candidate) -> str:
    """Why a candidate is not the first, in a few words."""
    if one.once < best.once - 0.1:
        return f"called {_times(one.counts.calls, 'time')}"
    if one.turn > best.turn + 0.1:
        return "waits for clients itself"
    if one.forks > best.forks + 0.1:
        return "makes a process each time"
    if one.counts.received and one.counts.sent:
        return "what it calls does as much" if one.score >= best.score else "has less below it"
    if one.counts.received:
        return "receives only"
    if one.counts.sent:
        return "sends only"
    return f"does {one.work:.0%} of the work"


def with_defaults(proposal: Proposal) -> Config:
    """The configuration that the proposal makes."""
    config = Config(request=proposal.request, loop=proposal.loop_name)
    if proposal.stack_count is None:
        return config
    return replace(config, stack_count=proposal.stack_count)


def format_toml(proposal: Proposal) -> str:
    """The text of `lp.toml`, the reasons as comments."""
    config = with_defaults(proposal)
    lines = ["# Proposed by `lp init`, from a survey of the program at work.", "#"]
    lines += [f"# {sentence}" for sentence in proposal.reasons]
    if proposal.unsure:
        lines += ["#", "# Nothing fits well: look at the others before you go on."]
    if proposal.alternatives:
        lines += ["#", "# Others that were looked at:"]
        lines += [
            f"#   {proposal.names[one.function.key]} ({one.function.file}:{one.function.line}): "
            f"{why}"
            for one, why in proposal.alternatives
        ]
    lines += ["", f'request = "{config.request}" # runs once a request']
    if config.loop:
        lines.append(f'loop = "{config.loop}" # its loop waits for clients, and calls it')
    lines.append(f"threshold = {config.threshold} # the share of requests that Elite is to cover")
    if proposal.stack_count is not None:
        lines.append(
            f"stack_count = {config.stack_count} # more than the program's threads, which were many"
        )
    return "\n".join(lines) + "\n"
