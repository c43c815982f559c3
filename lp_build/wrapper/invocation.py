"""A compiler's command line as a model: read once, asked by everything else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.wrapper.options import (
    LANGUAGES,
    NEGATIONS,
    PLAIN,
    PLAIN_PREFIXES,
    PREPROCESS_ALONE,
    PREPROCESS_SEPARATE,
    SEPARATE,
    STAGES,
)


@dataclass(frozen=True)
class Input:
    """One input file: path as given; language as -x or its suffix says ("link" for objects)."""

    path: str
    language: str


@dataclass(frozen=True)
class Invocation:
    """One compiler command.

    argv: as given, without the compiler. words: the same with response files read. stage:
    "preprocess", "assembly", "object", "check" or "link". plain: why our passes leave it alone.
    """

    argv: tuple[str, ...]
    words: tuple[str, ...]
    inputs: tuple[Input, ...]
    output: str | None
    stage: str
    plain: str
    shared: bool
    relocatable: bool
    no_library: bool

    @property
    def sources(self) -> tuple[Input, ...]:
        """C sources that our passes could treat."""
        return tuple(i for i in self.inputs if i.language == "c")

    def object_for(self, source: str) -> str:
        """Where the real compiler puts the object of `source` with -c."""
        return self.output or Path(source).stem + ".o"

    def without_inputs(self) -> Iterator[tuple[str, ...]]:
        """The words less inputs, -o, and the stage; an option and its argument come together."""
        names = {i.path for i in self.inputs}
        position = 0
        while position < len(self.words):
            word = self.words[position]
            taken = 2 if word in SEPARATE and position + 1 < len(self.words) else 1
            group = self.words[position : position + taken]
            position += taken
            if word == "-o" or (word.startswith("-o") and len(word) > 2 and taken == 1):
                continue
            if word in STAGES or (taken == 1 and word in names) or word == "-x":
                continue
            if word.startswith("-x") and word[2:3].isalpha() and taken == 1:
                continue
            yield group

    def preprocess_flags(self) -> list[str]:
        """Flags for a -E run that writes no dependency file and keeps no temporaries."""
        out: list[str] = []
        for group in self.without_inputs():
            word = group[0]
            if word.startswith(("-M", "-save-temps", "--save-temps", "-Wp,-M", "-Wl,", "-Wa,")):
                continue
            if word in ("-l", "-L", "-Xlinker", "-pipe") or word.startswith(("-l", "-L")):
                continue
            out += group
        return out

    def compile_flags(self) -> list[str]:
        """Flags for compiling what is preprocessed already."""
        out: list[str] = []
        for group in self.without_inputs():
            word = group[0]
            if word in PREPROCESS_ALONE or word.startswith(("-Wp,", "-Wl,", "-save-temps")):
                continue
            if word in PREPROCESS_SEPARATE or word in ("-l", "-L", "-Xlinker"):
                continue
            if len(group) == 1 and word.startswith(("-I", "-D", "-U", "-l", "-L", "-M", "-A")):
                continue
            if word.startswith(("-include", "-imacros", "-isystem", "-iquote", "-idirafter")):
                continue
            out += group
        return out


def expand(argv: Sequence[str], depth: int = 0) -> list[str]:
    """Read response files (`@file`, nested, quoted as libiberty does); one that can't be read
    stays a word, as in gcc."""
    words: list[str] = []
    for word in argv:
        if word.startswith("@") and len(word) > 1 and depth < 32:
            try:
                text = Path(word[1:]).read_text(encoding="utf-8", errors="surrogateescape")
            except OSError:
                words.append(word)
                continue
            words += expand(shlex.split(text), depth + 1)
        else:
            words.append(word)
    return words


def parse_invocation(argv: Sequence[str]) -> Invocation:
    """Read a compiler's command line (without the compiler itself)."""
    words = expand(argv)
    inputs: list[Input] = []
    output: str | None = None
    stage = "link"
    language: str | None = None
    reasons: dict[str, str] = {}
    shared = relocatable = no_library = False
    position = 0
    while position < len(words):
        word = words[position]
        argument = words[position + 1] if position + 1 < len(words) else ""
        position += 2 if word in SEPARATE and argument else 1
        if word == "-o":
            output = argument
        elif word.startswith("-o") and len(word) > 2 and not word.startswith("-object"):
            output = word[2:]
        elif word == "-x":
            language = None if argument == "none" else argument
        elif word.startswith("-x") and len(word) > 2:
            language = None if word[2:] == "none" else word[2:]
        elif word in STAGES:
            stage = STAGES[word]
        elif word == "-":
            reasons["-"] = "its source comes from standard input"
            inputs.append(Input(word, language or "other"))
        elif not word.startswith("-"):
            suffix = os.path.splitext(word)[1]
            inputs.append(Input(word, language or LANGUAGES.get(suffix, "link")))
        shared = shared or word in ("-shared", "--shared")
        relocatable = relocatable or word in ("-r", "-Wl,-r", "-Wl,-i")
        no_library = no_library or word in ("-nostdlib", "-nodefaultlibs", "-nolibc")
        if word in PLAIN:
            reasons[word] = PLAIN[word]
        for prefix, reason in PLAIN_PREFIXES.items():
            if word.startswith(prefix):
                reasons[word] = reason
        for cancelled in NEGATIONS.get(word, ()):
            reasons.pop(cancelled, None)
    plain = next((f"{word}: {reason}" for word, reason in reasons.items()), "")
    return Invocation(
        tuple(argv),
        tuple(words),
        tuple(inputs),
        output,
        stage,
        plain,
        shared,
        relocatable,
        no_library,
    )
