# SPDX-License-Identifier: GPL-2.0-only
"""What a forecast says, as plain values, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IN_PROCESS, KERNEL = "in one process", "in the kernel"
COLD = "cold arm"  # of a cause
# As LP_ELITE and LP_STATS call them.
PLACES = {IN_PROCESS: "inprocess", KERNEL: "kernel"}


@dataclass(frozen=True)
class Cause:
    """Something that ends Elite. file, line: of the original source, line 0: the whole of it. what:
    "call of select", "cold arm" …; reason and remedy in words, "" where there is none."""

    file: str
    line: int
    what: str
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Loss:
    """What a cause costs. requests: those that it stops and that no cause before it in the list
    does. before: how many of these it keeps from beginning, since it lies before them in the loop.
    sure: whether all of these come there for certain."""

    cause: Cause
    requests: int
    before: int
    sure: bool


@dataclass(frozen=True)
class PlaceForecast:
    """For one place where Elite may run. requests: all that were traced. finished: those of them
    that are expected to end in Elite, none counted of which that is not sure; at_most: with all of
    these. begun: those that begin in Elite. losses: those that cost most first."""

    place: str
    requests: int
    finished: int
    at_most: int
    begun: int
    losses: tuple[Loss, ...]

    @property
    def share(self) -> float:
        """The share (0 to 1) of the traced requests that finishes in Elite."""
        return self.finished / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Forecast:
    """places: as they will run; none where that is not known, and `unknown` says why. doubts: what
    may make the run differ from what was traced."""

    places: tuple[PlaceForecast, ...]
    doubts: tuple[str, ...] = ()
    unknown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            "places": [
                {
                    "place": place.place,
                    "requests": place.requests,
                    "finished": place.finished,
                    "at_most": place.at_most,
                    "begun": place.begun,
                    "share": place.share,
                    "losses": [
                        {
                            "requests": loss.requests,
                            "before": loss.before,
                            "sure": loss.sure,
                            **vars(loss.cause),
                        }
                        for loss in place.losses
                    ],
                }
                for place in self.places
            ],
            "doubts": list(self.doubts),
            "unknown": self.unknown,
        }
