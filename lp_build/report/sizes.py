# SPDX-License-Identifier: GPL-2.0-only
"""Bytes of machine code of functions, Elite and Fallback, from the symbols of an object file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from lp_build.errors import LakePlacidError

_SUFFIX = ".lp_elite"
_MOVED = ".lp_fallback"  # the request function's own code: its name is the stub's


@dataclass(frozen=True)
class Size:
    """Bytes of a function's Elite copy, its deopt stubs included, and of its Fallback."""

    elite: int
    fallback: int


def function_sizes(path: Path) -> dict[str, Size]:
    """Sizes by the function's symbol, for each with an Elite copy. Raises LakePlacidError for a
    file that is no object."""
    sizes: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for section in ELFFile(file).iter_sections():
                if isinstance(section, SymbolTableSection):
                    for symbol in section.iter_symbols():
                        if symbol["st_info"]["type"] == "STT_FUNC":
                            sizes[symbol.name] = symbol["st_size"]
    except ELFError as error:
        raise LakePlacidError(
            f"not an object file: {error}", file=str(path), remedy="run `lp build` again"
        ) from error
    elite = {n.removesuffix(_SUFFIX): size for n, size in sizes.items() if n.endswith(_SUFFIX)}
    return {
        name: Size(size, sizes.get(f"{name}{_MOVED}") or sizes.get(name, 0))
        for name, size in elite.items()
    }
