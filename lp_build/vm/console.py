# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel's console log says went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lp_build.vm.errors import (
    GuestFailure,
    GuestHung,
    GuestOopsed,
    GuestPanicked,
    GuestWarned,
)

# Looked for in each line, the hangs first: a lockup's report also says BUG.
SIGNS: tuple[tuple[type[GuestFailure], re.Pattern[str]], ...] = (
    (
        GuestHung,
        re.compile(
            r"BUG: soft lockup|hard LOCKUP|blocked for more than \d+ seconds"
            r"|rcu\S* (detected|self-detected).*stall"
        ),
    ),
    # The text of a warning's first line since 2.6; WARN() alone would also match firmware notes.
    (GuestWarned, re.compile(r"WARNING: (CPU: \d+ PID: \d+ )?at |WARNING: CPU: \d+ PID: \d+ at ")),
    (
        GuestOopsed,
        re.compile(
            r"\bBUG: |\bBUG [\w.-]+ \(.*\): |kernel BUG at |Oops: |general protection fault"
            r"|double fault:|pagealloc: memory corruption|Bad (page|rss-counter) (state|map|idx)"
            r"|^(\[[ \d.]+\] )?(divide error|invalid opcode|int3|stack segment): "
        ),
    ),
    (GuestPanicked, re.compile(r"Kernel panic - not syncing: (?P<why>.*)")),
)


@dataclass(frozen=True)
class Finding:
    """The first sign of trouble: the exception that stands for it, and the line."""

    kind: type[GuestFailure]
    line: str


def find_failure(console: str) -> Finding | None:
    """The first line of `console` that tells of a failure, or None.

    The first line counts: what follows an oops or a warning (the panic that we ask for) is its
    consequence.
    """
    for line in console.splitlines():
        for kind, pattern in SIGNS:
            if pattern.search(line):
                return Finding(kind, line.strip())
    return None
