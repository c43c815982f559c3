# SPDX-License-Identifier: GPL-2.0-only
"""The table of instructions against a decoder, over what compilers make of the C at hand."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest

from tests.differential.csmith import LEVELS, compilers, takes, write_program
from tests.differential.pipeline import CSMITH_FLAGS
from tests.projection.decoder import complaints, decoded, instructions_of

ROOT = Path(__file__).parents[2]
PROGRAMS = 3
FIRST_SEED = 77_000
EXTENSIONS = (
    "-mfsgsbase -mfxsr -mxsave -mcx16 -mbmi -mbmi2 -mlzcnt -mpopcnt -msse4.2 -mrdrnd -madx -mmovbe"
)
FLAGS = "-w -fno-pic -mno-red-zone -fasynchronous-unwind-tables -S -o -".split()


def sources(compiler: str, folder: Path) -> list[Path]:
    """C that needs nothing but the C library, and that the compiler takes."""
    heap = ROOT.glob("c_runtime/heap/*.c")
    found = [*sorted(ROOT.glob("sample_projects/*/*.c")), *sorted(heap)]
    programs = sorted(ROOT.glob("tests/differential/programs/*.c"))
    found += [path for path in programs if takes(compiler, path)]
    for seed in range(FIRST_SEED, FIRST_SEED + PROGRAMS):
        found.append(folder / f"{seed}.c")
        write_program(seed, found[-1])
    return found


def compiled(compiler: str, level: str, source: Path, *more: str) -> str:
    return subprocess.run(
        [compiler, level, *FLAGS, *CSMITH_FLAGS, f"-I{ROOT / 'c_runtime'}", *more, str(source)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("compiler", compilers())
def test_table_says_what_the_decoder_says(compiler: str, tmp_path: Path) -> None:
    intrinsics = Path(__file__).parent / "programs" / "intrinsics.c"
    # Each at one level; `make oracle` has whole servers at all of them.
    some = sources(compiler, tmp_path)
    wanted = [
        *((compiler, level, source) for level, source in zip(cycle(LEVELS), some, strict=False)),
        *((compiler, level, intrinsics, *EXTENSIONS.split()) for level in LEVELS),
    ]
    with ThreadPoolExecutor(2) as pool:
        texts = {
            text
            for asm in pool.map(lambda arguments: compiled(*arguments), wanted)
            for text in instructions_of(asm)
        }
    pairs = decoded(texts, compiler, tmp_path)
    assert len(pairs) > 2_000
    assert complaints(pairs) == []
