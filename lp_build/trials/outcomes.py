# SPDX-License-Identifier: GPL-2.0-only
"""What a suite of tests gave with one build of a program after the other, and where that is not
what the plain build gave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.console import Console

from lp_build.trials.compatibility import Variant

Result = TypeVar("Result")
PLAIN = "plain"  # the first variant, by which the others go


@dataclass(frozen=True)
class Difference:
    """A test whose outcome is not the plain build's. words: both outcomes."""

    name: str
    words: str


class Suite(ABC, Generic[Result]):
    """How one suite's outcomes compare. unit: what it has many of."""

    unit: ClassVar[str] = "tests"

    @abstractmethod
    def differences(
        self, plain: Mapping[str, Result], other: Mapping[str, Result]
    ) -> Sequence[Difference]:
        """The tests whose outcome is not the plain build's."""

    def size(self, results: Mapping[str, Result]) -> int:
        """How many tests there were."""
        return len(results)

    def summary(self, variant: Variant, seconds: float) -> str:
        """A variant's run in a line."""
        return (
            f"{variant.tests} {self.unit}, {len(variant.different)} other than plain, "
            f"{variant.finished:,} of {variant.requests:,} requests in Elite ({seconds:.0f} s)"
        )

    def passed(self, result: Result) -> bool:
        """Whether this is as it must be with the plain build, so that a broken suite does not pass
        for one that is equal in all builds."""
        return True

    def remarks(self, name: str, results: Mapping[str, Result]) -> Iterable[str]:
        """What else is told of a variant's run."""
        return ()


class Outcomes(Generic[Result]):
    """What came out so far, by variant. show: where each variant is told; None: nowhere."""

    def __init__(self, suite: Suite[Result], show: Console | None) -> None:
        self.suite = suite
        self.show = show
        self.results: dict[str, Mapping[str, Result]] = {}
        self.different: dict[str, Sequence[Difference]] = {}
        self.variants: dict[str, Variant] = {}
        self.seconds: dict[str, float] = {}

    def add(
        self, name: str, results: Mapping[str, Result], totals: Mapping[str, int], seconds: float
    ) -> None:
        """Keep what came out for a variant, and tell it. totals: as totals_of gives them."""
        self.results[name] = results
        self.different[name] = self.suite.differences(self.results[PLAIN], results)
        names = tuple(one.name for one in self.different[name])
        requests, finished = totals["requests"], totals["finished_in_elite"]
        self.note(name, Variant(self.suite.size(results), names, requests, finished), seconds)
        differences = (f"{one.name}: {one.words}" for one in self.different[name])
        for line in (*differences, *self.suite.remarks(name, results)):
            self.tell(f"    {line}")

    def note(self, name: str, variant: Variant, seconds: float) -> None:
        """Keep a variant that no other is compared with, and tell it in a line."""
        self.variants[name] = variant
        self.seconds[name] = seconds
        self.tell(f"  {name}: {self.suite.summary(variant, seconds)}")

    def tell(self, line: str) -> None:
        """Tell a line, as it is."""
        if self.show:
            self.show.print(line, markup=False, highlight=False)

    @property
    def same(self) -> bool:
        """Whether all variants are as plain, and that is as it must be."""
        whole = all(map(self.suite.passed, self.results[PLAIN].values()))
        return whole and not any(variant.different for variant in self.variants.values())
