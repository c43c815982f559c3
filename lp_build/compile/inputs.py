# SPDX-License-Identifier: GPL-2.0-only
"""The files that a link command reads: named, within -Wl, or as libraries found in -L folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.compile.options import SEPARATE
from lp_build.errors import LakePlacidError
from lp_build.store.provenance import Content, Store

# Options of ld that are followed by a word that is no input (ld manual, "Command-line Options").
LD_SEPARATE = frozenset(
    "-o -e -T -L -l -u -y -z -m -A -b -c -f -F -G -h -I -O -R -Y -rpath -rpath-link -soname "
    "--output --entry --script --library --library-path --undefined --format --oformat "
    "--defsym --version-script --dynamic-linker -dynamic-linker --dynamic-list --Map -Map "
    "--section-start -Ttext -Tdata -Tbss -Ttext-segment --just-symbols --wrap -plugin "
    "-plugin-opt --plugin --plugin-opt --sort-section --hash-style --retain-symbols-file "
    "--trace-symbol --init -init -fini --fini --exclude-libs --dependency-file".split()
)
_STATIC = frozenset(("-Bstatic", "-static", "--static", "-dn", "-non_shared"))
_STATIC_LINK = frozenset(("-static", "--static", "-static-pie"))
_DYNAMIC = frozenset(("-Bdynamic", "-dy", "-call_shared"))


@dataclass(frozen=True)
class LinkInput:
    """A file at a word (and a piece of it, or -1) of a command."""

    word: int
    piece: int
    content: Content


@dataclass
class _Search:
    """Where libraries are looked for at a point of the command line."""

    cwd: str
    folders: list[str] = field(default_factory=list)
    static: bool = False

    def find(self, name: str) -> str | None:
        """The static library that -l`name` means; None for a shared or a system one."""
        for folder in self.folders:
            path = os.path.join(self.cwd, folder)
            if name.startswith(":"):
                candidate = os.path.join(path, name[1:])
                if os.path.isfile(candidate):
                    return candidate
                continue
            if not self.static and os.path.isfile(os.path.join(path, f"lib{name}.so")):
                return None
            candidate = os.path.join(path, f"lib{name}.a")
            if os.path.isfile(candidate):
                return candidate
        return None


def find_inputs(
    store: Store, words: Sequence[str], head: int, cwd: str, *, driver: bool
) -> list[LinkInput]:
    """The objects and static libraries that a link command in `cwd` names; its first `head` words
    are the tool. driver: whether that is the compiler (else the linker itself). Files that can't
    be read are left out: the linker will say so."""
    found = []
    for word, piece, path in _named(words, head, cwd, driver):
        if not os.path.isfile(path):
            continue
        try:
            content = store.identify(Path(path))
        except (OSError, LakePlacidError):
            continue
        if content.kind != "other":
            found.append(LinkInput(word, piece, content))
    return found


def _named(
    words: Sequence[str], head: int, cwd: str, driver: bool
) -> Iterator[tuple[int, int, str]]:
    # -L counts for all -l of a command, wherever it stands; -Bstatic only from where it stands.
    search = _Search(cwd, list(_folders(words)))
    search.static = driver and not _STATIC_LINK.isdisjoint(words[head:])
    separate = SEPARATE if driver else LD_SEPARATE
    position = head
    while position < len(words):
        word = words[position]
        here = position
        argument = words[position + 1] if position + 1 < len(words) else ""
        position += 2 if word in separate and argument else 1
        if word.startswith("-Wl,"):
            yield from _pieces(here, word.split(","), search)
        elif word == "-Xlinker":
            yield from _piece(here + 1, -1, argument, search)
        elif word in ("-l", "--library"):
            library = search.find(argument)
            if library is not None:
                yield here, -2, library
        elif word.startswith(("-l", "--library=")):
            name = word.partition("=")[2] if word.startswith("--library=") else word[2:]
            library = search.find(name)
            if library is not None:
                yield here, -1, library
        elif not driver and (word in _STATIC or word in _DYNAMIC):
            search.static = word in _STATIC
        elif not word.startswith("-"):
            yield here, -1, os.path.join(cwd, word)


def _folders(words: Sequence[str]) -> Iterator[str]:
    for position, word in enumerate(words):
        if word in ("-L", "--library-path", "--library-directory"):
            yield from words[position + 1 : position + 2]
        elif word.startswith("-L") and len(word) > 2:
            yield word[2:]
        elif word.startswith("-Wl,"):
            yield from (p[2:] for p in word.split(",") if p.startswith("-L") and len(p) > 2)


def _pieces(word: int, pieces: Sequence[str], search: _Search) -> Iterator[tuple[int, int, str]]:
    position = 1
    while position < len(pieces):
        piece = pieces[position]
        here = position
        position += 2 if piece in LD_SEPARATE else 1
        yield from _piece(word, here, piece, search)


def _piece(word: int, piece: int, text: str, search: _Search) -> Iterator[tuple[int, int, str]]:
    if text in _STATIC or text in _DYNAMIC:
        search.static = text in _STATIC
    elif text.startswith("-l") and len(text) > 2:
        library = search.find(text[2:])
        if library is not None:
            yield word, piece, library
    elif text and not text.startswith("-"):
        yield word, piece, os.path.join(search.cwd, text)
