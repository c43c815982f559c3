# SPDX-License-Identifier: GPL-2.0-only
"""Whether something in a program may cancel threads, as the runtime finds out
(c_runtime/kernel_side/forms.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lp_build.errors import LakePlacidError

_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/usr/lib",
)
_CANCEL = "pthread_cancel"


def may_cancel(objects: Iterable[Path], programs: Iterable[Path]) -> bool:
    """Whether one of these objects, or a library that one of the programs needs, refers to
    pthread_cancel. Libraries are looked for where the system has them; what a program loads by
    itself is not looked at. Raises LakePlacidError for a file that is no ELF file."""
    work = list(programs)
    if any(_refers(path, ".symtab") for path in objects):
        return True
    seen: set[str] = set()
    while work:
        path = work.pop()
        if _refers(path, ".dynsym"):
            return True
        for name in _needed(path):
            if name in seen:
                continue
            seen.add(name)
            found = (Path(folder, name) for folder in _FOLDERS)
            work += [next(filter(Path.is_file, found), path)] if name != path.name else []
    return False


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise LakePlacidError(
            f"cannot read what was built: {error.strerror}",
            file=str(path),
            remedy="build the project once more with lp-wrap, from clean",
        ) from error


def _refers(path: Path, table: str) -> bool:
    with _open(path) as file:
        try:
            section: Any = ELFFile(file).get_section_by_name(table)
            return section is not None and any(
                symbol["st_shndx"] == "SHN_UNDEF" and symbol["st_info"]["bind"] == "STB_GLOBAL"
                for symbol in section.get_symbol_by_name(_CANCEL) or ()
            )
        except ELFError:
            return False  # an archive's member of another kind, a linker script


def _needed(path: Path) -> Iterator[str]:
    with _open(path) as file:
        try:
            section: Any = ELFFile(file).get_section_by_name(".dynamic")
            tags = list(section.iter_tags("DT_NEEDED")) if section is not None else []
        except ELFError:
            return
    yield from (str(tag.needed) for tag in tags)
