# SPDX-License-Identifier: GPL-2.0-only
"""Where each byte of a preprocessed text stood originally."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

_LINE_MARKER = re.compile(rb'^#(?: |line )(\d+) "((?:[^"\\\n]|\\.)*)"((?: \d)*)[^\n]*$', re.M)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_SYSTEM_HEADER = b"3"


@dataclass(frozen=True)
class Position:
    """An original place: file as the line marker says it, line from 1."""

    file: str
    line: int
    system: bool


def _unescaped(name: bytes) -> str:
    def one(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        return bytes([int(code, 8)]) if len(code) == 3 else code

    return _ESCAPE.sub(one, name).decode("utf-8", "surrogateescape")


class LineMap:
    """From byte offsets of a preprocessed text to original places, by its line markers."""

    def __init__(self, text: bytes) -> None:
        self._newlines = [match.start() for match in re.finditer(rb"\n", text)]
        self._offsets: list[int] = []
        self._marks: list[tuple[str, int, bool]] = []
        names: dict[bytes, str] = {}
        for match in _LINE_MARKER.finditer(text):
            line, raw, flags = match.groups()
            name = names.get(raw)
            if name is None:
                name = names[raw] = _unescaped(raw)
            self._offsets.append(match.end() + 1)
            row = bisect.bisect_left(self._newlines, match.end()) + 1
            self._marks.append((name, int(line) - row, _SYSTEM_HEADER in flags))

    def at(self, offset: int) -> Position:
        """Where the byte at `offset` stood."""
        row = bisect.bisect_left(self._newlines, offset)
        index = bisect.bisect_right(self._offsets, offset) - 1
        if index < 0:
            return Position("<unknown>", 1 + row, False)
        file, shift, system = self._marks[index]
        return Position(file, shift + row, system)

    def line(self, offset: int) -> int:
        """The original line of the byte at `offset`."""
        row = bisect.bisect_left(self._newlines, offset)
        index = bisect.bisect_right(self._offsets, offset) - 1
        return row + (self._marks[index][1] if index >= 0 else 1)

    def column(self, offset: int) -> int:
        """The column (from 1) of the byte at `offset`, in the preprocessed line."""
        row = bisect.bisect_left(self._newlines, offset)
        return offset - (self._newlines[row - 1] if row else -1)
