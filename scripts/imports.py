#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count which library functions servers call: what a form of a library call is worth.

usage: .venv/bin/python scripts/imports.py [--missing] PROGRAM…

A line for each function that some of the programs import: how many import it, "form" if Elite makes
the call itself in the kernel (docs/kernel.md), and its name; the most frequent first. Versions of
symbols (GLIBC_2.34) are left out. --missing: only those without a form.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from lp_build.projection.libcalls import kernel_forms


def imports(program: Path) -> Iterator[str]:
    """Names of the functions that a dynamically linked program takes from libraries."""
    with program.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        if not isinstance(symbols, SymbolTableSection):
            return
        for symbol in symbols.iter_symbols():
            is_function = symbol["st_info"]["type"] in ("STT_FUNC", "STT_GNU_IFUNC")
            if symbol["st_shndx"] == "SHN_UNDEF" and is_function and symbol.name:
                yield symbol.name


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--missing", action="store_true", help="only functions without a form")
    parser.add_argument("programs", nargs="+", type=Path, metavar="PROGRAM")
    options = parser.parse_args()
    forms = kernel_forms()
    counts: Counter[str] = Counter()
    for program in options.programs:
        counts.update(set(imports(program)))
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if not (options.missing and name in forms):
            print(f"{count:4} {'form' if name in forms else '    '} {name}")


if __name__ == "__main__":
    main()
