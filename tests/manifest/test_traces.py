# SPDX-License-Identifier: GPL-2.0-only
"""Trace files as they may lie about: named twice, cut off, of something else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.manifest.traces import TraceReader, find_traces


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    one, two = tmp_path / "1.lpt", tmp_path / "2.lpt"
    one.touch()
    two.touch()
    assert find_traces([two, tmp_path, tmp_path / "." / "1.lpt"]) == [two, one]


def test_a_folder_that_is_not_open_to_all_is_said_to_be_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(LakePlacidError, match="other than the folder's owner") as caught:
        find_traces([tmp_path])
    assert "LP_TRACE_DIR" in str(caught.value)
    tmp_path.chmod(0o1777)
    with pytest.raises(LakePlacidError) as caught:
        find_traces([tmp_path])
    assert "owner" not in str(caught.value)


def test_what_a_daemon_could_say_to_nobody_is_a_warning(tmp_path: Path) -> None:
    place = tmp_path / "a.lpt"
    said = b"cannot extend the trace (user 65534): Permission denied; remedy: free some space"
    numbers = (b"LPTRACE1", 3, 7, 2, 8192, 1, 99, said, 328, 0, 0, 1, 0)
    place.write_bytes(struct.pack("<8sIIQQII256sQIIII", *numbers) + b"[]".ljust(8, b"\0"))
    trace = TraceReader().read(place)
    assert trace.warnings == (f"{place}: process 99 stopped scouting: {said.decode()}",)
    assert trace.begun


def test_a_place_without_traces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="no traces"):
        find_traces([tmp_path])
    with pytest.raises(LakePlacidError, match="no such trace"):
        find_traces([tmp_path / "none.lpt"])


@pytest.mark.parametrize("content", [b"", b"LPTR", b"LPTRACE1", bytes(4096)])
def test_a_process_that_ended_at_its_start_leaves_a_warning(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "a.lpt"
    place.write_bytes(content)
    trace = TraceReader().read(place)
    assert trace.classes == ()
    assert len(trace.warnings) == 1


@pytest.mark.parametrize("content", [b"x", b"LPTRACE2" + bytes(64), b"#!/bin/sh\n"])
def test_another_file_is_no_trace(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "a.lpt"
    place.write_bytes(content)
    with pytest.raises(LakePlacidError, match="not a trace file"):
        TraceReader().read(place)


def test_a_trace_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="cannot read the trace"):
        TraceReader().read(tmp_path)


@pytest.mark.parametrize("tables", [b"[{}]", b"[1]", b'[{"table":{}}]', b"[", b"\xff"])
def test_damaged_tables_leave_a_warning(tmp_path: Path, tables: bytes) -> None:
    place = tmp_path / "a.lpt"
    head = struct.pack("<8sIIQQII256sQIIII", b"LPTRACE1", 3, 7, len(tables), 0, 0, 0, b"", *(
        320 + len(tables), 0, 0, 0, 0
    ))  # fmt: skip
    place.write_bytes(head + tables)
    trace = TraceReader().read(place)
    (warning,) = trace.warnings
    assert "tables" in warning
