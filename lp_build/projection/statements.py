# SPDX-License-Identifier: GPL-2.0-only
"""Lines of assembly as statements: comments gone, one instruction each, with its prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lp_build.projection.items import PREFIXES

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|#.*', re.S)
_STRING_OR_BLOCK = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/', re.S)


def strip_comment(line: str) -> str:
    """`line` less its `#` comment (AT&T syntax; a `#` within a string stays)."""
    if "#" not in line:
        return line
    return _STRING_OR_COMMENT.sub(lambda m: "" if m[0][0] == "#" else m[0], line)


def split_statements(line: str) -> list[str]:
    """The statements of a line: `;` separates them, comments are gone. A prefix that stands alone
    (`rep;movsq`) belongs to the next one."""
    code = strip_comment(line)
    if ";" not in code:
        return [code.strip()] if code.strip() else []
    parts = re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+', code) if '"' in code else code.split(";")
    return join_prefixes(part.strip() for part in parts if part.strip())


def is_prefix(statement: str) -> bool:
    """Whether a statement is nothing but prefixes of the next one."""
    return all(word in PREFIXES for word in statement.split())


def join_prefixes(statements: Iterable[str]) -> list[str]:
    """`statements`, with prefixes that stand alone put in front of what they belong to."""
    joined: list[str] = []
    waiting = ""
    for statement in statements:
        if is_prefix(statement):
            waiting += f"{statement} "
        else:
            joined.append(waiting + statement)
            waiting = ""
    return [*joined, waiting.strip()] if waiting else joined


def asm_statements(text: str) -> tuple[str, ...]:
    """The statements of an `asm` statement's text, which may have C's comments."""
    text = _STRING_OR_BLOCK.sub(lambda m: " " if m[0][0] == "/" else m[0], text)
    found = [part for line in text.split("\n") for part in split_statements(line)]
    return tuple(join_prefixes(found))


def one_statement_a_line(lines: Sequence[str]) -> list[str]:
    """`lines` with a line of its own for each statement that the compiler wrote, so that each has
    a place before it and one behind it; prefixes stand with their instruction. What `asm`
    statements hold stays as it is."""
    out: list[str] = []
    waiting = ""
    inside = False
    for line in lines:
        stripped = line.strip()
        if stripped in ("#APP", "#NO_APP"):
            inside = stripped == "#APP"
        if inside or not (waiting or ";" in stripped or is_prefix(stripped)) or not stripped:
            out.append(line)
            continue
        statements = split_statements(line)
        if not statements or (
            len(statements) == 1 and not waiting and not is_prefix(statements[0])
        ):
            out.append(line)  # with its comment
            continue
        for statement in statements:
            if is_prefix(statement):
                waiting += f"{statement} "
            else:
                out.append(f"\t{waiting}{statement}")
                waiting = ""
    return [*out, f"\t{waiting.strip()}"] if waiting else out
