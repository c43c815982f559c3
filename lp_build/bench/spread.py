# SPDX-License-Identifier: GPL-2.0-only
"""Numbers of repeated measurements, put together without a word about what they measure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lp_build.errors import LakePlacidError


@dataclass(frozen=True)
class Summary:
    """What Table 4.1 of the thesis shows of a series; sd is that of a sample (0 of one value)."""

    mean: float
    sd: float
    median: float
    min: float
    max: float

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)


def summarize(values: Sequence[float]) -> Summary:
    """The summary of at least one value. Raises LakePlacidError for none."""
    if not values:
        raise LakePlacidError(
            "a measurement gave no values", remedy="this is a defect of `lp bench`"
        )
    return Summary(
        statistics.fmean(values),
        statistics.stdev(values) if len(values) > 1 else 0.0,
        statistics.median(values),
        min(values),
        max(values),
    )


def ratio(value: float, baseline: float) -> float:
    """How many times the baseline. Raises LakePlacidError where that means nothing."""
    if baseline <= 0:
        raise LakePlacidError(
            f"a baseline of {baseline:g} is no baseline",
            remedy="run it again; if that repeats, this is a defect of `lp bench`",
        )
    return value / baseline
