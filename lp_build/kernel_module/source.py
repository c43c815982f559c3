# SPDX-License-Identifier: GPL-2.0-only
"""The sources of an application's module: its payload as data, and the glue to the driver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.payload import Payload
from lp_build.model import abi
from lp_build.render import render

# The driver's functions for the imports of kernel text (kernel/README.md).
IMPORTS = {
    f"lp_k_{name}": f"lp_elite_{name}"
    for name in ("deopt", "fault", "budget", "force", "syscall", "adopt")
}
NAME_MAX = 31
_TEMPLATES = ("elite.S", "glue.c", "Kbuild")


@dataclass(frozen=True)
class Piece:
    """A part of the text: `size` bytes from `offset`, then, if there is a target, a jump to it."""

    offset: int
    size: int
    target: str


def module_name(program: str) -> str:
    """The module of an executable of that name, as the kernel writes module names."""
    return "lp_" + re.sub(r"\W", "_", program)


def write_sources(payload: Payload, folder: Path) -> None:
    """Write the module's sources for kbuild into `folder`; a file that stays the same is not
    touched. Raises LakePlacidError for a name or an import that the driver doesn't know."""
    if len(payload.name.encode()) > NAME_MAX:
        raise LakePlacidError(
            f"the name `{payload.name}` is longer than {NAME_MAX} bytes",
            remedy="build the program under a shorter name",
        )
    values = {
        "name": payload.name,
        "module": module_name(payload.name),
        "build_id": list(payload.build_id),
        "pieces": list(pieces(payload)),
        "fixups": payload.fixups,
        "sites": len(payload.sites) // abi.KERNEL_SITE.size,
        "returns": len(payload.returns) // abi.KERNEL_RETURN.size,
        "entries": len(payload.entries) // abi.KERNEL_ENTRY.size,
        "floating_point": payload.floating_point,
    }
    files = {f"{name}.bin": getattr(payload, name) for name in ("text", "sites", "returns")}
    files["entries.bin"] = payload.entries
    for name in _TEMPLATES:
        files[name] = render(f"module_{name}.j2", values).text.encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        target = folder / name
        if not target.is_file() or target.read_bytes() != data:
            target.write_bytes(data)


def pieces(payload: Payload) -> Iterator[Piece]:
    """The text between and around its jumps to the driver."""
    at = 0
    for jump in payload.imports:
        if jump.name not in IMPORTS:
            raise LakePlacidError(
                f"the executable asks for {jump.name}, which this driver does not have",
                file=payload.name,
                remedy="build the program again with this version of LakePlacid",
            )
        yield Piece(at, jump.offset - at, IMPORTS[jump.name])
        at = jump.offset + abi.JUMP_SIZE
    yield Piece(at, len(payload.text) - at, "")
