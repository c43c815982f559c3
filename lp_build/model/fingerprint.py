# SPDX-License-Identifier: GPL-2.0-only
"""What of a function's text counts: its tokens for the digest, its bytes for the weights."""

from __future__ import annotations

import bisect
import hashlib
import re

from lp_build.model.lines import LineMap

_LINE_MARKER = re.compile(rb"^# \d[^\n]*\n", re.M)
_TOKEN = re.compile(
    rb'(?:u8|[LuU])?"(?:[^"\\\n]|\\.)*"'
    rb"|[LuU]?'(?:[^'\\\n]|\\.)*'"
    rb"|\.?\d(?:[eEpP][+-]|[\w.])*"
    rb"|[^\W\d][\w$]*"
    rb"|<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|[<>=!+\-*/%&|^]=|&&|\|\||##"
    rb"|[^\s]"
)
# Where macros leave __LINE__: beside a string (__FILE__, a condition's text) or a function's name.
_GAP = rb"(?:\s|^#[^\n]*\n)*"
_STRING = rb'(?:"|__(?:func|FUNCTION|PRETTY_FUNCTION)__)'
_DECIMAL = re.compile(
    rb"(%b%b,%b)?(?<![\w.])([1-9]\d*)(?![\w.])(%b,%b%b)?"
    % (_STRING, _GAP, _GAP, _GAP, _GAP, _STRING),
    re.M,
)
_NO_COINCIDENCE = 300  # from this line on a number that is its own line needs no such neighbour
# A line break with the indentation, blank lines and line markers behind it.
_BLANK = re.compile(rb"\n(?:\s+|# \d[^\n]*(?=\n))*")


def digest(text: bytes, start: int, end: int, lines: LineMap) -> str:
    """16 hexadecimal digits over the tokens in [start, end) of a preprocessed text.

    White space and line markers do not count, nor does the line: a number that equals its own
    line, as an `assert` leaves it by `__LINE__`, counts as that.
    """
    body = text[start:end]
    pieces: list[bytes] = []
    done = 0
    for match in _DECIMAL.finditer(body):
        before, number, behind = match.groups()
        line = int(number)
        if not before and not behind and line < _NO_COINCIDENCE:
            continue
        if line == lines.line(start + match.start(2)):
            pieces += (body[done : match.start(2)], b"__LINE__")
            done = match.end(2)
    if pieces:
        body = b"".join((*pieces, body[done:]))
    bare = _LINE_MARKER.sub(b"", body)
    return hashlib.sha256(b"\n".join(_TOKEN.findall(bare))).hexdigest()[:16]


class Measure:
    """Lengths in one function's body: bytes without line breaks, indentation and line markers."""

    def __init__(self, text: bytes, start: int, end: int) -> None:
        self._span = (start, end)
        self._ends: list[int] = []
        self._blank: list[int] = [0]
        total = 0
        for match in _BLANK.finditer(text, start, end):
            total += match.end() - match.start()
            self._ends.append(match.end())
            self._blank.append(total)

    def _solid(self, offset: int) -> int:
        return offset - self._blank[bisect.bisect_right(self._ends, offset)]

    def shares(self, spans: list[tuple[int, int]]) -> tuple[int, list[int]]:
        """What the body owns itself, and what each of `spans` does, less the spans within it.

        Spans nest. A share is at least 1: to take an arm in costs a jump.
        """
        order = sorted(range(len(spans)), key=lambda i: (spans[i][0], -spans[i][1], i))
        own = [self._solid(end) - self._solid(start) for start, end in spans]
        whole = self._solid(self._span[1]) - self._solid(self._span[0])
        lengths = list(own)
        open_spans: list[int] = []
        for index in order:
            start, end = spans[index]
            while open_spans and spans[open_spans[-1]][1] <= start:
                open_spans.pop()
            if open_spans and end <= spans[open_spans[-1]][1]:
                own[open_spans[-1]] -= lengths[index]
            else:
                whole -= lengths[index]
            open_spans.append(index)
        return max(whole, 1), [max(share, 1) for share in own]
