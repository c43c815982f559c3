# SPDX-License-Identifier: GPL-2.0-only
"""`.lp/steps.jsonl`: the archive, link and object-changing steps of a wrapped build."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.files import append_json, digest_of, read_json_lines
from lp_build.layout import BuildDir


@dataclass(frozen=True)
class StepInput:
    """A file that a step read: the word of its command that names it (piece: which one of a
    word's parts between commas, as in -Wl,a,b; -1: the word itself), where it lay, its digest."""

    word: int
    piece: int
    path: str
    digest: str


@dataclass(frozen=True)
class Step:
    """One step. kind: "link" (an executable), "relocatable" (ld -r), "archive", or "convert"
    (objcopy, strip). argv: with the tool, response files read. output: absolute; digest: its
    contents after the step. treated: as Origin.treated. build_id: of a program (hexadecimal), which
    its copies keep; "" where it has none."""

    id: str
    kind: str
    cwd: str
    argv: tuple[str, ...]
    output: str
    digest: str
    inputs: tuple[StepInput, ...]
    treated: str = ""
    build_id: str = ""


def step_id(kind: str, output: str) -> str:
    """A stable name for the step of this kind that makes `output`."""
    return f"{os.path.basename(output)[:40]}-{digest_of(os.fsencode(f'{kind}:{output}'))[:12]}"


def record_step(build: BuildDir, step: Step) -> None:
    """Append a step to the journal."""
    append_json(build.steps, asdict(step))


def load_steps(build: BuildDir) -> list[Step]:
    """All steps, oldest first. Raises LakePlacidError for a damaged journal."""
    return [_step(build, row, number) for number, row in enumerate(read_json_lines(build.steps), 1)]


def _step(build: BuildDir, row: dict[str, Any], number: int) -> Step:
    try:
        inputs = tuple(StepInput(**item) for item in row["inputs"])
        return Step(**{**row, "argv": tuple(row["argv"]), "inputs": inputs})
    except (KeyError, TypeError) as error:
        raise LakePlacidError(
            f"damaged journal: {error!r}",
            file=str(build.steps),
            line=number,
            remedy="remove .lp/ and build again with lp-wrap",
        ) from error


def put_words(argv: Sequence[str], names: Mapping[tuple[int, int], str]) -> list[str]:
    """`argv` with the inputs at these words (and pieces) replaced by other files. A library that
    was named by -l gives way to the file itself (piece -2: -l and its name are two words)."""
    words = [[word] for word in argv]
    pieces: dict[int, list[str]] = {}
    for (word, piece), name in names.items():
        if piece >= 0:
            pieces.setdefault(word, argv[word].split(","))[piece] = name
        else:
            words[word] = [name]
            if piece == -2:
                words[word + 1] = []
    for word, parts in pieces.items():
        plain = all("," not in part for part in parts)
        # What has a comma in it can't be one of the parts between commas.
        words[word] = (
            [",".join(parts)] if plain else [w for part in parts[1:] for w in ("-Xlinker", part)]
        )
    return [word for some in words for word in some]


_DEPENDENCIES = "--dependency-file"


def without_dependencies(argv: Sequence[str]) -> list[str]:
    """`argv` without what makes a linker write a dependency file: it would name our output."""
    words: list[str] = []
    drop = 0
    for position, word in enumerate(argv):
        following = argv[position + 1 : position + 3]
        pieces = word.split(",")
        if drop:
            drop -= 1
        elif word == _DEPENDENCIES:
            drop = 1
        elif word == "-Xlinker" and following[:1] == [_DEPENDENCIES]:
            drop = 3
        elif word == "-Xlinker" and "".join(following[:1]).startswith(f"{_DEPENDENCIES}="):
            drop = 1
        elif pieces[0] == "-Wl" and any(p.startswith(_DEPENDENCIES) for p in pieces):
            kept = without_dependencies(pieces[1:])
            words += [",".join(["-Wl", *kept])] if kept else []
        elif not word.startswith(f"{_DEPENDENCIES}="):
            words.append(word)
    return words


def put_output(argv: Sequence[str], output: str) -> list[str]:
    """`argv` with another output (-o), and no dependency file for it."""
    words = without_dependencies(argv)
    for position, word in enumerate(words):
        if word == "-o" and position + 1 < len(words):
            words[position + 1] = output
            return words
        if word.startswith("-o") and len(word) > 2:
            words[position] = f"-o{output}"
            return words
    return [*words, "-o", output]
