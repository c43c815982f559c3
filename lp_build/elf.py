# SPDX-License-Identifier: GPL-2.0-only
"""What several parts read of ELF files."""

from __future__ import annotations

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection


def build_id_of(elf: ELFFile) -> str:
    """The build id in hexadecimal; "" without one."""
    section = elf.get_section_by_name(".note.gnu.build-id")
    notes = section.iter_notes() if isinstance(section, NoteSection) else ()
    found = (str(note["n_desc"]) for note in notes if note["n_type"] == "NT_GNU_BUILD_ID")
    return next(found, "")
