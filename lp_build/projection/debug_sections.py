# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of a compiler's output make up its debug sections."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lp_build.projection.assembly import ASSIGNMENT, LABEL, SECTION

_NAME = re.compile(r"[\w.$@]+")
# What lays down bytes, or speaks of the place where it stands: it goes with its section. All other
# directives say something of symbols or of the file, wherever they stand: clang ends the file with
# its aliases and weak symbols, behind the debug sections.
_OF_THE_PLACE = frozenset(
    ".byte .2byte .4byte .8byte .octa .value .short .hword .word .int .long .quad .uleb128 "
    ".sleb128 .ascii .asciz .string .string8 .string16 .string32 .string64 .zero .skip .space "
    ".fill .float .single .double .tfloat .dc .dcb .ds .org .reloc .p2align .p2alignw .p2alignl "
    ".align .balign .balignw .balignl .incbin .nop .nops .loc .section .pushsection .popsection "
    ".previous .text .data .bss .subsection".split()
)


def debug_section_lines(lines: Sequence[str]) -> set[int]:
    """Numbers of the lines that make up the compiler's `.debug_*` sections: what lies in them, and
    the directives that lead there. What the program's own `asm` puts there is not theirs."""
    found: set[int] = set()
    labels: set[str] = set()
    section, previous, pushed = "", "", list[tuple[str, str]]()
    own = False
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped in ("#APP", "#NO_APP"):
            own = stripped == "#APP"
        word = stripped.split(None, 1)[0] if stripped else ""
        before = section
        if word in (".section", ".pushsection"):
            if word == ".pushsection":
                pushed.append((section, previous))
            match = SECTION.match(line)
            section, previous = (match.group(1).strip('"') if match else ""), section
        elif word == ".popsection" and pushed:
            section, previous = pushed.pop()
        elif word == ".previous":
            section, previous = previous, section
        elif word in (".text", ".data", ".bss"):
            section, previous = word, section
        inside = (before if word in (".popsection", ".previous") else section).startswith(".debug")
        if not inside or own:
            continue
        label = LABEL.match(line)
        if label and not ASSIGNMENT.match(stripped):
            labels.add(label.group(1))
            found.add(number)
        elif word in _OF_THE_PLACE or word.startswith("#"):
            found.add(number)
        elif labels.intersection(_NAME.findall(stripped)):
            found.add(number)  # a distance between two places of theirs
    return found
