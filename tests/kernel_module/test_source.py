# SPDX-License-Identifier: GPL-2.0-only
"""The sources of an application's module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.payload import Import, Payload
from lp_build.kernel_module.source import module_name, pieces, write_sources
from lp_build.model import abi

PAYLOAD = Payload(
    name="kv-server",
    build_id=bytes(range(abi.BUILD_ID_SIZE)),
    text=b"\x90" * 10 + b"\xe9\0\0\0\0" + b"\x90" * 5,
    sites=bytes(abi.KERNEL_SITE.size),
    returns=bytes(abi.KERNEL_RETURN.size),
    entries=bytes(2 * abi.KERNEL_ENTRY.size),
    fixups=((1, 12),),
    imports=(Import(10, "lp_k_deopt"),),
    floating_point=False,
)


def test_module_is_named_for_its_program() -> None:
    assert module_name("kv-server.bin") == "lp_kv_server_bin"


def test_text_is_cut_at_the_jumps() -> None:
    assert [(p.offset, p.size, p.target) for p in pieces(PAYLOAD)] == [
        (0, 10, "lp_elite_deopt"),
        (15, 5, ""),
    ]


def test_jump_after_jump_takes_nothing_between(tmp_path: Path) -> None:
    """`.incbin` with a count of zero would take all that is left of the file."""
    text = PAYLOAD.text[:15] + b"\xe9\0\0\0\0"
    imports = (Import(10, "lp_k_deopt"), Import(15, "lp_k_fault"))
    write_sources(replace(PAYLOAD, text=text, imports=imports), tmp_path)
    assembly = (tmp_path / "elite.S").read_text(encoding="utf-8")
    assert '.incbin "text.bin", 0, 10' in assembly
    assert assembly.count('.incbin "text.bin"') == 1


def test_glue_tells_the_driver_who_it_is(tmp_path: Path) -> None:
    write_sources(PAYLOAD, tmp_path)
    glue = (tmp_path / "glue.c").read_text(encoding="utf-8")
    assert '.name = "kv-server"' in glue
    assert ".build_id = { 0, 1, 2, 3," in glue
    assert ".entry_count = 2" in glue
    assert ".flags = 0" in glue


def test_floating_point_is_told(tmp_path: Path) -> None:
    write_sources(replace(PAYLOAD, floating_point=True), tmp_path)
    assert ".flags = LP_ELITE_FP" in (tmp_path / "glue.c").read_text(encoding="utf-8")


def test_what_stays_the_same_is_not_written(tmp_path: Path) -> None:
    write_sources(PAYLOAD, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_sources(PAYLOAD, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_unknown_import() -> None:
    with pytest.raises(LakePlacidError, match="asks for lp_k_magic"):
        list(pieces(replace(PAYLOAD, imports=(Import(10, "lp_k_magic"),))))


def test_name_that_the_driver_has_no_room_for(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="longer than 31 bytes"):
        write_sources(replace(PAYLOAD, name="n" * 32), tmp_path)
