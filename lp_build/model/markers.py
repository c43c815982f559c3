# SPDX-License-Identifier: GPL-2.0-only
"""The markers that the specialising source pass leaves and the projection reads.

A marker is `__asm__ __inline__ __volatile__("#LP_COLD 17")`: an assembly comment, so it costs
nothing. The number is an index into the unit's marker table. Inlining and unrolling copy markers
freely: one table entry may have many instances.
"""

from __future__ import annotations

from dataclasses import dataclass

COLD = "LP_COLD"  # head of an arm that Elite leaves
ARM = "LP_ARM"  # stress builds only: head of an arm that Elite keeps
LOOP = "LP_LOOP"  # stress builds only: head of a loop body
ENTRY = "LP_ENTRY"  # head of a loop body where the Fallback may enter Elite
KINDS = (COLD, ARM, LOOP, ENTRY)


@dataclass(frozen=True)
class Marker:
    """One entry of a unit's marker table. site: the stable site name with its arm, as in
    `memcached.c:process_command:3:false`; for loops `…:loop@<line>`. file, line: original."""

    kind: str
    site: str
    file: str
    line: int
    function: str


def marker_text(kind: str, index: int) -> str:
    """The statement-expression operand that leaves marker `index` in the assembly."""
    return f'__asm__ __inline__ __volatile__("#{kind} {index}")'
