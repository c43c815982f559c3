# SPDX-License-Identifier: GPL-2.0-only
"""The binary layouts that C and Python share: what the projection emits, what a payload is read
by, what `lp top` reads of a running program. tests/model compiles them against the C headers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

WORD = 8
SAVED_COUNT = 6  # LP_SAVED_COUNT: rbx rbp r12 r13 r14 r15
BUILD_ID_SIZE = 20  # LP_BUILD_ID_SIZE
IMPORT_NAME_SIZE = 32  # LP_IMPORT_NAME_SIZE
JUMP_OPCODE = b"\xe9"  # of lp_import.jump: e9 rel32
JUMP_SIZE = 5


class SiteKind(IntEnum):
    """enum lp_site_kind."""

    COLD = 1
    CALL = 2
    ENTRY = 3
    FORCE = 4


@dataclass(frozen=True)
class Layout:
    """One C structure. name: its tag; fields: each with its format, as module struct calls it;
    size: in bytes. Fields lie one after the other: what C pads is a field here too."""

    name: str
    fields: tuple[tuple[str, str], ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self._struct().size)

    def _struct(self) -> struct.Struct:
        return struct.Struct("<" + "".join(form for _, form in self.fields))

    def offset(self, name: str) -> int:
        """Where a field begins."""
        at = 0
        for other, form in self.fields:
            if other == name:
                return at
            at += struct.calcsize("<" + form)
        raise KeyError(f"{self.name} has no {name}")

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """The values of one record, in the order of the fields."""
        return self._struct().unpack(data)

    def rows(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Each record of a table, by the names of its fields."""
        names = [name for name, _ in self.fields]
        return (dict(zip(names, row, strict=True)) for row in self.records(data))

    def records(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """The values of each record of a table."""
        return self._struct().iter_unpack(data)


FRAME_RULE = Layout(
    "lp_frame_rule",
    (
        ("cfa_offset", "i"),
        ("cfa_register", "B"),
        ("kind", "B"),
        ("reserved", "2s"),
        ("saved", f"{2 * SAVED_COUNT}s"),
        ("reserved2", "I"),
    ),
)
_RULE = ("rule", f"{FRAME_RULE.size}s")

# -- what the program has at run time ----------------------------------------------------------

SITE = Layout(
    "lp_site",
    (
        ("fallback", "Q"),
        _RULE,
        ("name", "Q"),
        ("file", "Q"),
        ("line", "I"),
        ("kind", "B"),
        ("forced", "B"),
        ("reserved", "2s"),
        ("hits", "Q"),
        ("elite", "Q"),
    ),
)
RETURN = Layout("lp_return", (("elite", "Q"), ("fallback", "Q"), _RULE))
FUNCTION = Layout("lp_function", (("fallback", "Q"), ("elite", "Q"), ("name", "Q")))

# -- the kernel's payload ----------------------------------------------------------------------

KERNEL_SITE = Layout("lp_elite_site", (("fallback", "Q"), _RULE, ("site", "Q"), ("elite", "Q")))
KERNEL_RETURN = Layout("lp_elite_return", (("elite", "Q"), ("fallback", "Q"), _RULE))
KERNEL_ENTRY = Layout("lp_elite_entry", (("elite", "Q"), ("reserved", "Q"), _RULE))
FIXUP = Layout("lp_fixup", (("instruction", "Q"), ("stub", "Q")))
IMPORT = Layout("lp_import", (("jump", "Q"), ("name", f"{IMPORT_NAME_SIZE}s")))

# -- the counters of a running program ---------------------------------------------------------

LIVE = Layout(
    "lp_live",
    (
        ("magic", "8s"),
        ("version", "I"),
        ("bytes", "I"),
        ("elite", "Q"),
        ("mode", "Q"),
        ("slots", "Q"),
        ("slots_used", "Q"),
        ("slot_stride", "Q"),
        ("slot_count", "Q"),
        ("counts", "Q"),
        ("entries", "Q"),
        ("sites", "Q"),
        ("sites_end", "Q"),
        ("ring", "Q"),
        ("ring_out", "Q"),
        ("ring_in", "Q"),
        ("ring_size", "Q"),
        ("shut_out", "Q"),
        ("slot_caller_rsp", "I"),
        ("slot_requests", "I"),
        ("slot_deopted", "I"),
        ("slot_deopted_request", "I"),
        ("site_size", "I"),
        ("site_name", "I"),
        ("site_file", "I"),
        ("site_line", "I"),
        ("site_hits", "I"),
        ("reserved", "I"),
    ),
)
SLOT_COUNTS = Layout(
    "lp_slot_counts",
    tuple((name, "Q") for name in "taken high_water kept nested waits own_stack".split()),
)
RING_COUNTS = Layout(
    "lp_ring_counts", tuple((name, "Q") for name in ("depth_max", "waits", "queued"))
)
SHUT_OUT = Layout("lp_shut_out", (("threads", "Q"), ("why", "256s")))

LAYOUTS = (
    *(FRAME_RULE, SITE, RETURN, FUNCTION),
    *(KERNEL_SITE, KERNEL_RETURN, KERNEL_ENTRY, FIXUP, IMPORT),
    *(LIVE, SLOT_COUNTS, RING_COUNTS, SHUT_OUT),
)
