# SPDX-License-Identifier: GPL-2.0-only
"""The kernel payload of a specialised executable: sections that are not loaded with it.

The records are those of lp_abi.h. Labels in the sections are offsets, since the linker puts
sections that are not loaded at address zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lp_build.elf import build_id_of
from lp_build.errors import LakePlacidError
from lp_build.model import abi


@dataclass(frozen=True)
class Import:
    """A jump in the text, at `offset`, that is to lead to the driver's function `name`."""

    offset: int
    name: str


@dataclass(frozen=True)
class Payload:
    """What a module is made of. name: of the executable; fixups: (instruction, stub) offsets in
    the text; returns: sorted by address; floating_point: the text uses SSE registers."""

    name: str
    build_id: bytes
    text: bytes
    sites: bytes
    returns: bytes
    entries: bytes
    fixups: tuple[tuple[int, int], ...]
    imports: tuple[Import, ...]
    floating_point: bool


def read_payload(program: Path) -> Payload:
    """Read the payload of an executable. Raises LakePlacidError for a file that has none, or one
    that contradicts itself."""
    try:
        with program.open("rb") as file:
            elf = ELFFile(file)
            sections = {
                section.name: section.data()
                for section in elf.iter_sections()
                if section.name.startswith("lp_kernel_")
            }
            build_id = bytes.fromhex(build_id_of(elf))
    except (OSError, ELFError) as error:
        raise LakePlacidError(
            f"this is no executable that can be read: {error}", file=str(program)
        ) from error
    text = sections.get("lp_kernel_text", b"")
    if not text:
        raise LakePlacidError(
            "this executable has no Elite code for the kernel",
            file=str(program),
            remedy="build it with `lp build` (or lp-wrap, once there is a manifest)",
        )
    if len(build_id) != abi.BUILD_ID_SIZE:
        raise LakePlacidError(
            "this executable has no build id, by which a module knows it",
            file=str(program),
            remedy="leave --build-id=none out of the linker's options",
        )
    return Payload(
        program.name,
        build_id,
        text,
        _table(program, sections, "lp_kernel_sites", abi.KERNEL_SITE),
        _sorted_returns(_table(program, sections, "lp_kernel_returns", abi.KERNEL_RETURN)),
        _table(program, sections, "lp_kernel_entries", abi.KERNEL_ENTRY),
        tuple(abi.FIXUP.records(_table(program, sections, "lp_kernel_extable", abi.FIXUP))),
        _imports(program, text, _table(program, sections, "lp_kernel_imports", abi.IMPORT)),
        any(sections.get("lp_kernel_fp", b"")),
    )


def _table(program: Path, sections: dict[str, bytes], name: str, layout: abi.Layout) -> bytes:
    data = sections.get(name, b"")
    if len(data) % layout.size:
        raise LakePlacidError(
            f"section {name} has {len(data)} bytes, which is no number of records",
            file=str(program),
            remedy="build the program again with this version of LakePlacid",
        )
    return data


def _sorted_returns(table: bytes) -> bytes:
    """The records by ascending address, by which the driver looks them up."""
    size = abi.KERNEL_RETURN.size
    rows = [table[at : at + size] for at in range(0, len(table), size)]
    rows.sort(key=lambda row: abi.KERNEL_RETURN.unpack(row)[0])
    return b"".join(rows)


def _imports(program: Path, text: bytes, table: bytes) -> tuple[Import, ...]:
    found = []
    for offset, raw in abi.IMPORT.records(table):
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if text[offset : offset + 1] != abi.JUMP_OPCODE or offset + abi.JUMP_SIZE > len(text):
            raise LakePlacidError(
                f"there is no jump to {name} at offset {offset}",
                file=str(program),
                remedy="build the program again with this version of LakePlacid",
            )
        found.append(Import(offset, name))
    return tuple(sorted(found, key=lambda jump: jump.offset))
