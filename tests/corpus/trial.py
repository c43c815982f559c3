# SPDX-License-Identifier: GPL-2.0-only
"""One unit with one compiler at one level: all its functions Elite, both forms, assembled."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.sites import name_versions
from lp_build.model.verdicts import FunctionVerdicts, Manifest
from lp_build.projection.project import project
from lp_build.projection.request import request_for
from lp_build.source.parse import parse_unit
from lp_build.source.scout import name_files
from lp_build.source.sites import find_sites
from lp_build.source.specialize import specialize_source
from tests.corpus.units import CorpusUnit, preprocessed
from tests.projection.decoder import complaints, decoded, instructions_of

_COMPILE = "-w -g1 -fno-pic -fno-pie -mno-red-zone -fasynchronous-unwind-tables -S -o -".split()
_SECONDS = 300
_NUMBERS = re.compile(r"\b(?:0x[0-9a-f]+|\d+)\b")
_LABELS = re.compile(r"\.L[\w.$]+")


@dataclass
class Outcome:
    """What became of a unit. skipped: why it is no trial ("" if it is). failures: what must not
    happen, as `kind: what`. plain: why the unit stays plain. refused, no_kernel: how many functions
    stay plain, or leave at the entry of their kernel form, by reason."""

    functions: int = 0
    elite: int = 0
    skipped: str = ""
    plain: str = ""
    failures: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    no_kernel: Counter[str] = field(default_factory=Counter)


def attempt(unit: CorpusUnit, compiler: str, level: str, folder: Path) -> Outcome:
    """Try one. folder: for files of its own."""
    outcome = Outcome()
    text = preprocessed(unit, compiler, level)
    if text is None or _compiled(text, compiler, level, folder) is None:
        return Outcome(skipped=f"{compiler} does not compile it")
    build, config = BuildDir(folder), Config(request="lp_no_function_is_called_so")
    cwd = str(unit.path.parent)
    try:
        manifest = _all_elite(text, build, cwd)
        outcome.functions = len(manifest.functions)
        marked = specialize_source(
            text,
            cwd=cwd,
            build=build,
            config=config,
            manifest=manifest,
            stress=False,
            clang=compiler == "clang",
        )
    except LakePlacidError as error:
        outcome.plain = error.message
        return outcome
    asm = _compiled(marked.text, compiler, level, folder)
    if asm is None:
        outcome.failures.append("our edited text does not compile")
        return outcome
    if not outcome.functions:
        return outcome
    request = request_for(
        marked,
        cwd=cwd,
        build=build,
        config=config,
        manifest=manifest,
        stress=False,
        keep_debug=False,
        defined=frozenset(),
    )
    projection = project(asm, request)
    outcome.elite = len(projection.functions)
    outcome.refused.update(_shape(rejected.reason) for rejected in projection.rejected)
    outcome.no_kernel.update(_shape(rejected.reason) for rejected in projection.no_kernel)
    for rejected in (*projection.rejected, *projection.no_kernel):
        if rejected.reason.startswith("internal error"):
            outcome.failures.append(f"{rejected.function}: {rejected.reason}")
    outcome.failures += _assembled(projection.text, compiler, folder)
    outcome.failures += complaints(decoded(_one_of_each(asm), compiler, folder))
    return outcome


def _all_elite(text: bytes, build: BuildDir, cwd: str) -> Manifest:
    parsed = parse_unit(text)
    found = [f.function for f in find_sites(parsed, name_files(parsed, build, cwd))]
    entries = [FunctionVerdicts(f.file, f.name, f.digest, f.line, f.static, True) for f in found]
    known_as = name_versions(entries)
    return Manifest("", None, 1.0, 1.0, {known_as[e.key, e.digest]: e for e in entries})


def _compiled(text: bytes, compiler: str, level: str, folder: Path) -> str | None:
    source = folder / "unit.i"
    source.write_bytes(text)
    done = subprocess.run(
        [compiler, level, *_COMPILE, str(source)],
        capture_output=True,
        check=False,
        timeout=_SECONDS,
    )
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def _assembled(text: str, compiler: str, folder: Path) -> list[str]:
    """What the assembler says against a projection; labels that it leaves undefined too."""
    source, target = folder / "unit.lp.s", folder / "unit.lp.o"
    source.write_text(text, encoding="utf-8", errors="surrogateescape")
    done = subprocess.run(
        [compiler, "-c", str(source), "-o", str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        return [f"assembler: {line}" for line in done.stderr.splitlines() if "rror" in line][:5]
    named = subprocess.run(
        ["nm", "-u", str(target)], capture_output=True, text=True, check=True
    ).stdout
    return [f"undefined label: {label}" for label in _LABELS.findall(named)][:5]


def _one_of_each(asm: str) -> list[str]:
    """The instructions, one of those that differ by their numbers only."""
    return list({_NUMBERS.sub("0", text): text for text in instructions_of(asm)}.values())


def _shape(reason: str) -> str:
    """A reason without what is this function's own."""
    return re.sub(r"`[^`]*`|%\w+|\b\d+\b", "…", reason)
