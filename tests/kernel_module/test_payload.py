# SPDX-License-Identifier: GPL-2.0-only
"""What an executable carries for the kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.payload import read_payload
from lp_build.model import abi
from tests.kernel_module.support import RUNTIME, program


def test_program_runs_as_without_a_payload(tmp_path: Path) -> None:
    assert subprocess.run([program(tmp_path)], check=False).returncode == 0


def test_payload_is_no_part_of_the_running_program(tmp_path: Path) -> None:
    said = subprocess.run(
        ["readelf", "-lW", program(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert "lp_elite_text" in said
    assert "lp_kernel_text" not in said


def test_payload_survives_strip(tmp_path: Path) -> None:
    path = program(tmp_path)
    before = read_payload(path)
    subprocess.run(["strip", path], check=True)
    assert read_payload(path) == before


def test_all_tables_are_read(tmp_path: Path) -> None:
    payload = read_payload(program(tmp_path))
    assert payload.name == "app"
    assert len(payload.build_id) == 20
    places = [
        int.from_bytes(payload.returns[at : at + 8], "little")
        for at in range(0, len(payload.returns), abi.KERNEL_RETURN.size)
    ]
    assert places and places == sorted(places)  # of calls of g
    assert payload.sites and len(payload.sites) % abi.KERNEL_SITE.size == 0
    assert {jump.name for jump in payload.imports} == {"lp_k_deopt", "lp_k_fault", "lp_k_budget"}
    assert not payload.floating_point


def test_an_access_and_its_stub_lie_in_the_text(tmp_path: Path) -> None:
    payload = read_payload(program(tmp_path))
    assert payload.fixups
    for instruction, stub in payload.fixups:
        assert instruction < len(payload.text)
        assert payload.text[stub] in (0x68, 0x9D)  # pushq $site, or popfq before it


def test_ordinary_program_has_none(tmp_path: Path) -> None:
    (tmp_path / "plain.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    subprocess.run(["gcc", "plain.c", "-o", "plain"], cwd=tmp_path, check=True)
    with pytest.raises(LakePlacidError, match="no Elite code for the kernel"):
        read_payload(tmp_path / "plain")


def test_program_without_a_build_id(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="no build id"):
        read_payload(program(tmp_path, "-Wl,--build-id=none"))


def test_no_executable(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    with pytest.raises(LakePlacidError, match="no executable"):
        read_payload(tmp_path / "text")


def test_truncated_table(tmp_path: Path) -> None:
    more = RUNTIME + '\t.section lp_kernel_sites, "", @progbits\n\t.byte 1\n'
    with pytest.raises(LakePlacidError, match="lp_kernel_sites has"):
        read_payload(program(tmp_path, runtime=more))


def test_import_that_is_no_jump(tmp_path: Path) -> None:
    broken = RUNTIME.replace("\t.byte 0xe9\n", "\t.byte 0x90\n")
    with pytest.raises(LakePlacidError, match="no jump to lp_k_"):
        read_payload(program(tmp_path, runtime=broken))
