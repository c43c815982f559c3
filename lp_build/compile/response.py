# SPDX-License-Identifier: GPL-2.0-only
"""Response files: `@file` in a command line, as libiberty's expandargv and clang read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_DEPTH = 32  # files within files; deeper ones are taken as they stand, which ends a loop


def split_words(text: str) -> list[str]:
    """The words of a response file: white space parts them, either quote groups, and a backslash
    takes the next character as it is, within quotes too (unlike a shell)."""
    words: list[str] = []
    word: list[str] = []
    begun = False  # quotes alone make an empty word
    quote = ""
    characters = iter(text)
    for character in characters:
        if not quote and character.isspace():
            if begun:
                words.append("".join(word))
            word, begun = [], False
            continue
        begun = True
        if character == "\\":
            word.append(next(characters, ""))
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            word.append(character)
    if begun:
        words.append("".join(word))
    return words


def expand(argv: Sequence[str], depth: int = 0) -> list[str]:
    """`argv` with its response files read (relative to the current folder, nested ones too); one
    that can't be read stays a word, as in gcc."""
    words: list[str] = []
    for word in argv:
        text = _read(word[1:]) if word.startswith("@") and depth < _DEPTH else None
        if text is None:
            words.append(word)
        else:
            words += expand(split_words(text), depth + 1)
    return words


def _read(name: str) -> str | None:
    try:
        return Path(name).read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return None


def quote_words(words: Sequence[str]) -> str:
    """The inverse of `split_words`: one word a line."""
    special = set("\\'\"")
    lines = []
    for word in words:
        escaped = "".join(f"\\{c}" if c in special or c.isspace() else c for c in word)
        lines.append(escaped or '""')
    return "\n".join(lines) + "\n"
