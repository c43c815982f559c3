# SPDX-License-Identifier: GPL-2.0-only
"""Text insertions at byte offsets: every byte that is not edited stays."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Edits:
    """Insertions into one text. None of them may hold a newline, so line markers stay right.

    At equal offsets, what closes an inner expression comes before what closes an outer one, and
    what opens an outer one before what opens an inner one: give outer wraps first. A statement
    that is added where an expression begins comes before it: give insertions before wraps.
    """

    _before: dict[int, list[str]] = field(default_factory=dict)
    _after: dict[int, list[str]] = field(default_factory=dict)

    def insert(self, offset: int, text: str) -> None:
        """Insert `text` at `offset`, behind what was inserted there before."""
        assert "\n" not in text
        self._before.setdefault(offset, []).append(text)

    def wrap(self, start: int, end: int, before: str, after: str) -> None:
        """Put `before` and `after` around [start, end). Wrap outer expressions first."""
        assert "\n" not in before + after
        self._before.setdefault(start, []).append(before)
        self._after.setdefault(end, []).insert(0, after)

    def apply(self, text: bytes) -> bytes:
        """The edited text."""
        out: list[bytes] = []
        position = 0
        for offset in sorted({*self._before, *self._after}):
            out.append(text[position:offset])
            out += [piece.encode() for piece in self._after.get(offset, ())]
            out += [piece.encode() for piece in self._before.get(offset, ())]
            position = offset
        out.append(text[position:])
        return b"".join(out)
