# SPDX-License-Identifier: GPL-2.0-only
"""Why Elite leaves at a place, and what a call becomes in it: the words that analysis, emitters and
reports share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Text(str, Enum):
    """An enumeration whose values are text (enum.StrEnum is Python 3.11's)."""

    __str__ = str.__str__


class NotElite(Exception):
    """The function can't be projected; the message is the reason for reports."""


class StopKind(Text):
    """Why a block ends in a deopt. The values are what reports say; `{}` is the stop's detail."""

    # Where nobody comes, or where the data decide: no stops to tell of.
    COLD_ARM = "cold"
    END = "the end of its text"
    DATA = "data among its instructions"
    ASM = "inline assembly"
    ASM_THAT = "inline assembly that {}"
    COMPUTED_JUMP = "a jump by a computed address"
    INDIRECT_CALL = "an indirect call"
    INDIRECT_CALL_BY_R11 = "an indirect call by %r11"
    CONDITIONAL_TAIL_CALL = "a conditional tail call"
    FRAME_IS_LOOKED_AT = "its frame is looked at, by code that was inlined"
    RETURN_ADDRESS_IS_READ = "its return address is read"
    FRAME_POINTER_IS_REPLACED = "its frame pointer is replaced"
    STACK_POINTER_IS_REPLACED = "its stack pointer is replaced"
    GROWING_STACK = "a stack that grows by an amount unknown"
    MNEMONIC = "{}"
    INSTRUCTION = "the instruction {}"
    BEYOND_SSE = "floating point beyond SSE"
    X87 = "x87 floating point"
    REGISTER = "an access to {}"
    SEGMENT = "an access relative to %{}"
    GLOBAL_OFFSET_TABLE = "an address from the global offset table"
    BIT_STRING = "a bit string in memory"
    WIDE_ADDRESS = "a 64-bit address"
    READS_FRAMES = "a call of a function that sees its caller's frame"
    TIED_TO_THREAD = "queue mode: {}"
    NOT_ELITE = "a call of a function that is not Elite"
    NO_KERNEL_FORM = "a call of a function that has no kernel form"
    ONLY_THE_FALLBACK = "a call that only the Fallback makes"

    def reason(self, detail: str = "") -> Reason:
        """A reason of this kind."""
        return Reason(self, detail)


_UNTOLD = frozenset((StopKind.COLD_ARM, StopKind.END))


@dataclass(frozen=True)
class Reason:
    """A kind of stop with its detail. As text it is what reports say."""

    kind: StopKind
    detail: str = ""

    def __str__(self) -> str:
        return self.kind.value.replace("{}", self.detail)

    @property
    def told(self) -> bool:
        """Whether Elite leaves there whatever the data."""
        return self.kind not in _UNTOLD


@dataclass(frozen=True)
class Stop:
    """A place on the hot path, by the original source, where Elite always leaves, for `reason`;
    callee: what would be called there, for a call of a name."""

    file: str
    line: int
    reason: str
    callee: str = ""


class How(Text):
    """What a direct call or tail call in Elite becomes."""

    ELITE = "elite"  # a call of Elite's own copy
    STUB = "stub"  # of the request function: dispatched, or run on the slot that it is on
    PLAIN = "plain"  # as it stands: it returns into Elite, whoever it is
    DEOPT = "deopt"  # before the call


@dataclass(frozen=True)
class Callee:
    """How a function is called. symbol: of what is called; reason: for a deopt."""

    how: How
    symbol: str = ""
    reason: Reason | None = None
