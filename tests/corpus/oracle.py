# SPDX-License-Identifier: GPL-2.0-only
"""`make oracle`: the table of instructions against a decoder, over the assembly of whole servers.

Every C source of memcached, redis and nginx that compiles is compiled by gcc and clang at five
levels. For each of its instructions, those that differ by numbers and labels only counted once,
what the table says is read, written and accessed has to be what the decoder says. Prints how many
there were and each complaint; exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.trials.upstream import cache_folder
from tests.corpus.units import CorpusUnit, units_of
from tests.differential.csmith import LEVELS
from tests.projection.decoder import complaints, decoded, instructions_of

SERVERS = ("memcached", "redis", "nginx")
COMPILERS = ("gcc", "clang")
_FLAGS = "-w -fno-pic -mno-red-zone -fasynchronous-unwind-tables -S -o -".split()
_ALL = 10_000  # units
_VARIES = re.compile(r"\b(?:0x[0-9a-f]+|\d+)\b|\.L[\w.$]+")
# Where its headers are, for one whose folders have headers of the same name.
_INCLUDES = {
    "redis": "src deps/hiredis deps/lua/src deps/linenoise deps/hdr_histogram deps/fpconv",
}


@dataclass
class Found:
    """Of one compiler. units: compilations; instructions: how many there were; kinds: one of those
    that differ by numbers and labels only."""

    units: int = 0
    instructions: int = 0
    kinds: dict[str, str] = field(default_factory=dict)

    def add(self, asm: str) -> None:
        """The assembly of one more unit."""
        self.units += 1
        for text in instructions_of(asm):
            self.instructions += 1
            self.kinds.setdefault(_VARIES.sub("0", text), text)


def _units(server: str, cache: Path, work: Path) -> list[CorpusUnit]:
    """The server's units."""
    units = units_of(server, cache, work, _ALL)
    if server not in _INCLUDES:
        return units
    folder = work / server
    flags = ("-D_GNU_SOURCE", *(f"-I{folder / name}" for name in _INCLUDES[server].split()))
    paths = sorted(folder.glob("src/*.c"))
    return [CorpusUnit(server, str(path.relative_to(folder)), path, flags) for path in paths]


def _compiled(unit: CorpusUnit, compiler: str, level: str) -> str | None:
    """Its assembly; None where the compiler does not take it."""
    done = subprocess.run(
        [compiler, level, *_FLAGS, *unit.flags, str(unit.path)],
        cwd=unit.path.parent,
        capture_output=True,
        check=False,
    )
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def _assemblies(units: list[CorpusUnit], compiler: str, jobs: int) -> Iterator[str]:
    wanted = [(unit, compiler, level) for unit in units for level in LEVELS]
    with ThreadPoolExecutor(jobs) as pool:
        yield from (asm for asm in pool.map(lambda a: _compiled(*a), wanted) if asm is not None)


def main() -> int:
    """Ask the decoder."""
    parser = argparse.ArgumentParser(prog="oracle", description=__doc__)
    parser.add_argument("servers", nargs="*", default=SERVERS)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    cache = cache_folder(os.environ, Path.cwd())
    failed = 0
    for server in arguments.servers:
        units = _units(server, cache, cache / "corpus" / "work")
        for compiler in COMPILERS:
            found = Found()
            for asm in _assemblies(units, compiler, arguments.jobs):
                found.add(asm)
            with tempfile.TemporaryDirectory() as folder:
                wrong = complaints(decoded(found.kinds.values(), compiler, Path(folder)))
            failed += len(wrong)
            print(
                f"{server}, {compiler} {' '.join(LEVELS)}: {found.units} units, "
                f"{found.instructions} instructions, {len(found.kinds)} kinds, "
                f"{len(wrong)} complaints",
                *wrong,
                sep="\n  ",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
