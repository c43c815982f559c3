# SPDX-License-Identifier: GPL-2.0-only
"""A compiler's command line as a model: read once, asked by everything else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from lp_build.compile.options import (
    BESIDE,
    COVERAGE,
    DIAGNOSTICS,
    KEPT_W,
    LANGUAGES,
    LONG,
    LONG_JOINED,
    LONG_SEPARATE,
    NEGATIONS,
    NOT_FOR_LIBRARIES,
    NOT_PREPROCESS,
    PLAIN,
    POSITION_INDEPENDENT,
    PREPROCESSED,
    PREPROCESSED_EXACT,
    SEPARATE,
    STAGES,
    UNUSUAL,
    WHOLE,
)
from lp_build.compile.response import expand

C_LANGUAGES = frozenset(("c", "cpp-output"))


@dataclass(frozen=True)
class Input:
    """One input file: path as given; language as -x or its suffix says ("link" for objects)."""

    path: str
    language: str


@dataclass(frozen=True)
class Group:
    """An option with its argument, or an input. kind: "option", "input", "output", "stage",
    "language" (-x)."""

    words: tuple[str, ...]
    kind: str
    input: Input | None = None


@dataclass(frozen=True)
class Invocation:
    """One compiler command.

    argv: as given, without the compiler. groups: the same with response files read. stage:
    "preprocess", "assembly", "object", "check" or "link". unusual: why its sources can't be looked
    at beside the real compile. plain: why our passes leave its sources alone.
    """

    argv: tuple[str, ...]
    groups: tuple[Group, ...]
    output: str | None
    stage: str
    unusual: str
    plain: str

    @property
    def words(self) -> list[str]:
        """The words, response files read."""
        return [word for group in self.groups for word in group.words]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All inputs in their order."""
        return tuple(group.input for group in self.groups if group.input is not None)

    @property
    def sources(self) -> tuple[Input, ...]:
        """C sources, preprocessed ones too."""
        return tuple(i for i in self.inputs if i.language in C_LANGUAGES)

    @property
    def position_independent(self) -> bool:
        """Whether objects may be linked into shared libraries."""
        words = (group.words[0] for group in self.groups if group.kind == "option")
        last = [w for w in words if w in POSITION_INDEPENDENT or w in NOT_FOR_LIBRARIES][-1:]
        return not POSITION_INDEPENDENT.isdisjoint(last)

    @cached_property
    def options(self) -> frozenset[str]:
        """The options' first words."""
        return frozenset(group.words[0] for group in self.groups if group.kind == "option")

    @property
    def shared(self) -> bool:
        """Whether a shared library is linked."""
        return bool(self.options & {"-shared", "--shared", "-Wl,-shared", "-Wl,--shared"})

    @property
    def relocatable(self) -> bool:
        """Whether objects are linked into one object."""
        return bool(self.options & {"-r", "-Wl,-r", "-Wl,-i", "-Wl,--relocatable"})

    @property
    def no_library(self) -> bool:
        """Whether a program without the C library is linked."""
        return bool(self.options & {"-nostdlib", "-nodefaultlibs", "-nolibc", "-nostartfiles"})

    @property
    def coverage(self) -> bool:
        """Whether the compiler puts in coverage counters."""
        return bool(self.options & COVERAGE)

    @property
    def debug(self) -> bool:
        """Whether debug information was asked for (the last -g option counts)."""
        last = ""
        for group in self.groups:
            word = group.words[0]
            if group.kind == "option" and word.startswith("-g") and _is_debug_level(word):
                last = word
        return last not in ("", "-g0")

    def object_for(self, source: str) -> str:
        """Where the real compiler puts the object of `source` with -c."""
        return self.output or os.path.splitext(os.path.basename(source))[0] + ".o"

    def select(self, keep: Callable[[Group], bool]) -> list[str]:
        """The options (no inputs, -o, -x or stage) that `keep` lets through."""
        return [
            word
            for group in self.groups
            if group.kind == "option" and keep(group)
            for word in group.words
        ]

    def preprocess_flags(self) -> list[str]:
        """Flags for a -E run that writes no dependency file and keeps no temporaries."""

        def keep(group: Group) -> bool:
            return not group.words[0].startswith(NOT_PREPROCESS)

        return self.select(keep)

    def object_flags(self) -> list[str]:
        """Flags for compiling a source of this command once more, to another place and with no
        outputs beside the object."""

        def keep(group: Group) -> bool:
            word = group.words[0]
            return not word.startswith((*BESIDE, WHOLE, "-Wl,", "-Xlinker", "-l", "-L"))

        return self.select(keep)

    def edited_flags(self) -> list[str]:
        """Flags for compiling our edited, preprocessed text, silently."""

        def keep(group: Group) -> bool:
            word = group.words[0]
            if word in PREPROCESSED_EXACT or word.startswith((*PREPROCESSED, WHOLE)):
                return False
            if word in COVERAGE:
                return False
            return word.startswith(KEPT_W) or not word.startswith(DIAGNOSTICS)

        return [*self.select(keep), "-w"]


def _is_debug_level(word: str) -> bool:
    """Whether a -g option asks for debug information, or for none (and not for a way to write
    it)."""
    rest = word[2:]
    return (
        rest in ("", "0", "1", "2", "3", "gdb", "full", "line-tables-only", "mlt")
        or rest.startswith(("dwarf-", "gdb"))
        or (len(rest) == 7 and rest.startswith("dwarf"))
        or rest == "dwarf"
    )


def parse_invocation(argv: Sequence[str], *, cplusplus: bool = False) -> Invocation:
    """Read a compiler's command line (without the compiler itself). cplusplus: the compiler is
    one to which a `.c` file is C++."""
    groups = tuple(_groups(list(_short(expand(argv))), cplusplus))
    stage, output = "link", None
    for group in groups:
        if group.kind == "stage":
            # The earliest stage wins, as in the compiler: -E before -S before -c.
            stage = min(stage, STAGES[group.words[0]], key=_STAGE_ORDER.index)
        elif group.kind == "output":
            output = group.words[1] if len(group.words) == 2 else group.words[0][2:]
    return Invocation(tuple(argv), groups, output, stage, _unusual(groups), _plain(groups))


def _short(words: Iterable[str]) -> Iterator[str]:
    """The words, with short options in place of long ones."""
    for word in words:
        name, equals, value = word.partition("=")
        if name in LONG_SEPARATE:
            yield LONG_SEPARATE[name]
            if equals:
                yield value
        elif name in LONG_JOINED:
            yield LONG_JOINED[name] + value
        else:
            yield LONG.get(name, name) + equals + value


def _unusual(groups: Sequence[Group]) -> str:
    if any(group.words == ("-",) for group in groups):
        return "standard input: its text is gone when the compiler has read it; compile a file"
    for group in groups:
        word = group.words[0]
        option = next((name for name in UNUSUAL if word.startswith(name)), "")
        if group.kind == "option" and option:
            return f"{word}: {UNUSUAL[option]}"
    return ""


_STAGE_ORDER = ("preprocess", "check", "assembly", "object", "link")


def _groups(words: Sequence[str], cplusplus: bool) -> Iterator[Group]:
    language: str | None = None
    position = 0
    while position < len(words):
        word = words[position]
        taken = 2 if word in SEPARATE and position + 1 < len(words) else 1
        group = tuple(words[position : position + taken])
        position += taken
        if word == "-o" or (word.startswith("-o") and taken == 1 and len(word) > 2):
            yield Group(group, "output")
        elif word == "-x" or (word.startswith("-x") and len(word) > 2 and taken == 1):
            name = group[1] if taken == 2 else word[2:]
            language = None if name == "none" else name
            yield Group(group, "language")
        elif word in STAGES:
            yield Group(group, "stage")
        elif word == "-" or not word.startswith("-"):
            suffix = os.path.splitext(word)[1]
            found = language or LANGUAGES.get(suffix, "link")
            if cplusplus and language is None and found == "c":
                found = "c++"
            yield Group(group, "input", Input(word, found))
        else:
            yield Group(group, "option")


def _plain(groups: Sequence[Group]) -> str:
    """Why our passes leave the sources alone: the first reason that no later option takes back."""
    reasons: dict[str, str] = {}
    for group in groups:
        word = group.words[0]
        if group.kind != "option":
            continue
        name = word.partition("=")[0] + "="
        cancelled = NEGATIONS.get(word)
        if cancelled is not None:
            for other in cancelled:
                reasons.pop(other, None)
        elif word in PLAIN or name in PLAIN:
            key = word if word in PLAIN else name
            reasons.pop(key, None)
            reasons[key] = f"{word}: {PLAIN[key]}"
    return next(iter(reasons.values()), "")
