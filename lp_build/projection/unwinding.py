# SPDX-License-Identifier: GPL-2.0-only
"""Cleanups that run when a frame is unwound (an exception of C++, the end of a thread): which of a
function's instructions have one, from the tables that the compiler wrote (`.gcc_except_table`), and
such a table for Elite, whose landing pads are the Fallback's.

Format: the Itanium C++ ABI's "Exception Handling Tables" (LSDA), in C with cleanups only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lp_build.projection.cfi import CfiError
from lp_build.projection.statements import strip_comment

_VALUE = re.compile(r"^\.(byte|uleb128|long|4byte|quad)\s+(.*)$")
_DIFFERENCE = re.compile(r"^([\w.$]+)\s*-\s*[\w.$]+$")
_NO_ENTRY = (0xFF, "255", "0xff")
_ULEB128 = 1


@dataclass(frozen=True)
class Region:
    """Instructions from label `start` to label `end`; when they are unwound, the frame goes on at
    label `pad`."""

    start: str
    end: str
    pad: str


def regions_of(lines: Sequence[str], label: str) -> list[Region]:
    """The regions with a landing pad in the table at `label`. Raises CfiError for a table that
    tells of more than cleanups, or that is written otherwise than gcc and clang do."""
    values = _values(lines, label)
    if len(values) < 4 or values[0] not in _NO_ENTRY or values[1] not in _NO_ENTRY:
        raise CfiError("a table of exceptions with more than cleanups")
    if int(values[2], 0) != _ULEB128:
        raise CfiError("a table of exceptions with another encoding")
    entries = values[4:]
    found = []
    for at in range(0, len(entries) - 3, 4):
        start, length, pad, action = entries[at : at + 4]
        if pad == "0":
            continue
        names = [_DIFFERENCE.match(value) for value in (start, pad)]
        end = _DIFFERENCE.match(length)
        if action != "0" or end is None or names[0] is None or names[1] is None:
            raise CfiError("a table of exceptions with more than cleanups")
        found.append(Region(names[0].group(1), end.group(1), names[1].group(1)))
    return found


def _values(lines: Sequence[str], label: str) -> list[str]:
    """The values behind `label`: up to the label that ends its table, which its fourth names."""
    values: list[str] = []
    end = ""
    inside = False
    for line in lines:
        text = strip_comment(line).strip()
        if not inside:
            inside = text == f"{label}:"
            continue
        if end and text == f"{end}:":
            return values
        match = _VALUE.match(text)
        if match is None:
            continue
        values.append(match.group(2).strip())
        if len(values) == 4:
            difference = _DIFFERENCE.match(values[3])
            end = difference.group(1) if difference else ""
            if not end:
                return values
    raise CfiError("a table of exceptions that was not found")


def table(label: str, function: str, regions: Sequence[Region]) -> list[str]:
    """The table at `label` of Elite function `function`, as directives. Addresses are absolute, as
    the program's are: landing pads are in another section."""
    out = ['\t.pushsection .gcc_except_table.lp_elite,"a",@progbits', "\t.p2align 2", f"{label}:"]
    # Landing pads count from zero; no types; call sites in four bytes for each value.
    out += ["\t.byte 0x3", "\t.long 0", "\t.byte 0xff", "\t.byte 0x3"]
    out += [f"\t.uleb128 {label}_end-{label}_begin", f"{label}_begin:"]
    for region in regions:
        out.append(f"\t.long {region.start}-{function}, {region.end}-{region.start}, {region.pad}")
        out.append("\t.uleb128 0")
    return [*out, f"{label}_end:", "\t.popsection"]
