# SPDX-License-Identifier: GPL-2.0-only
"""LP_STATS and LP_ELITE: what is written, where, when, and what is refused."""

from __future__ import annotations

import json
import os
import signal

import pytest

from .conftest import Builder


def test_the_object_has_all_its_keys(build: Builder) -> None:
    stats = build(mode="queue").check("leave", "3", "2").stats
    assert set(stats) == {
        *("elite", "mode", "pid", "processes", "requests", "finished_in_elite", "deopts"),
        *("entries", "slots", "ring", "shut_out", "elite_text_bytes", "text_bytes"),
    }
    assert (stats["elite"], stats["mode"]) == ("inprocess", "queue")
    assert set(stats["slots"]) == {
        *("count", "size", "in_use", "high_water", "waits", "kept", "nested", "own_stack"),
    }
    assert stats["slots"]["count"] == 64
    assert set(stats["ring"]) == {"size", "depth_max", "waits", "queued"}
    assert 0 < stats["elite_text_bytes"] < stats["text_bytes"]


def test_minus_writes_behind_what_the_program_printed(build: Builder) -> None:
    done = build().run("elite", "3", "2", env={"LP_STATS": "-"})
    first, _, rest = done.out.partition("\n")
    assert first.startswith("errors=0")
    assert json.loads(rest)["requests"] == 3


def test_forked_processes_are_added_up_in_one_file(build: Builder) -> None:
    program = build()
    before = set(program.folder.iterdir())
    stats = program.check("forks", "10").stats
    (path,) = set(program.folder.iterdir()) - before
    assert path.suffix == ".json"
    assert (stats["processes"], stats["requests"]) == (3, 26)
    sites = {site["hits"] for site in stats["deopts"]["sites"]}
    assert stats["deopts"]["total"] == sum(sites) > 0


def test_minus_prints_one_object_for_all_processes(build: Builder) -> None:
    done = build().run("children", "5", "exit", env={"LP_STATS": "-"})
    assert json.loads(done.out[done.out.index("{") :])["processes"] == 6


@pytest.mark.parametrize("how", ["exit", "_exit"])
def test_children_count_however_they_end(build: Builder, how: str) -> None:
    stats = build().check("children", "20", how).stats
    assert (stats["processes"], stats["requests"], stats["finished_in_elite"]) == (21, 21, 21)


def test_a_child_of_vfork_is_not_taken_for_its_parent(build: Builder) -> None:
    stats = build().check("vforks").stats
    assert (stats["processes"], stats["requests"]) == (1, 1)


@pytest.mark.parametrize("elite", ["off", "inprocess"])
def test_processes_are_counted_without_elite_too(build: Builder, elite: str) -> None:
    stats = build().check("children", "5", "exit", env={"LP_ELITE": elite}).stats
    assert stats["processes"] == 6


as_root = [
    pytest.mark.may_skip("only root can become another user"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]


@pytest.mark.parametrize(
    "how",
    [pytest.param(f"setuid {how}", marks=as_root) for how in ("exit", "_exit", "close")],
)
def test_children_that_gave_up_root_are_counted(build: Builder, how: str) -> None:
    """In a folder that only root can write to."""
    done = build().check("children", "20", how)
    assert (done.stats["processes"], done.stats["requests"]) == (21, 21)
    assert done.err == ""


@pytest.mark.parametrize("how", [pytest.param("setuid orphan", marks=as_root), "orphan"])
def test_what_children_counted_is_there_when_their_parent_is_killed(
    build: Builder, how: str
) -> None:
    done = build().run("children", "20", how)
    assert done.status == -signal.SIGKILL
    assert (done.stats["processes"], done.stats["requests"]) == (20, 20)


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(build: Builder) -> None:
    program = build()
    (program.folder / "earlier.json").write_text("{}")
    killed = {"LP_STATS": "earlier.json"}
    assert program.run("children", "0", "orphan", env=killed).status == -signal.SIGKILL
    assert (program.folder / "earlier.json").read_text() == ""


def test_many_processes_that_cannot_write_say_so_once(build: Builder) -> None:
    done = build().check("children", "20", "exit", env={"LP_STATS": "/no/such/folder/file"})
    assert done.err.count("cannot write statistics") == 1


def test_percent_p_is_the_process(build: Builder) -> None:
    program = build()
    before = set(program.folder.glob("by_pid.*"))
    program.check("forks", "1", env={"LP_STATS": "by_pid.%p"})
    written = set(program.folder.glob("by_pid.*")) - before
    assert len(written) == 3
    assert all(json.loads(f.read_text())["pid"] == int(f.suffix[1:]) for f in written)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_ends_the_program_writes_first(build: Builder, number: int) -> None:
    done = build().run("stop_by", str(int(number)))
    assert done.status == -number
    assert done.stats["finished_in_elite"] == 1


def test_a_signal_that_the_program_ignores_does_not_end_it(build: Builder) -> None:
    done = build().check("stop_by", f"i{int(signal.SIGTERM)}")
    assert done.stats["requests"] == 1


@pytest.mark.parametrize("target", ["/no/such/folder/file", "/dev/full"])
def test_a_file_that_cannot_be_written_is_reported(build: Builder, target: str) -> None:
    done = build().check("elite", "1", "1", env={"LP_STATS": target})
    assert f"lakeplacid: cannot write statistics to {target}: " in done.err
    assert "\n  remedy: " in done.err


def test_statistics_without_elite(build: Builder) -> None:
    done = build().check("leave", "2", "2", env={"LP_ELITE": "off"})
    assert done.stats["elite"] == "off"
    assert done.stats["slots"]["high_water"] == 0


@pytest.mark.parametrize("place", ["Kernel", "Off", "1"])
def test_an_unknown_place_is_refused(build: Builder, place: str) -> None:
    done = build().run("elite", "1", "1", env={"LP_ELITE": place})
    assert done.status == 2
    assert done.err == (
        f"lakeplacid: LP_ELITE={place}: no such place\n"
        "  remedy: set LP_ELITE to auto, off, inprocess or kernel\n"
    )


def test_the_kernel_is_refused_where_there_is_no_driver(build: Builder) -> None:
    done = build().run("elite", "1", "1", env={"LP_ELITE": "kernel"})
    assert done.status == 2
    assert "LP_ELITE=kernel: " in done.err
    assert "remedy: " in done.err


def test_auto_is_off_where_there_is_no_driver(build: Builder) -> None:
    done = build().check("elite", "2", "2", env={"LP_ELITE": "auto"})
    assert done.stats["elite"] == "off"


def test_elite_is_off_unless_asked_for(build: Builder) -> None:
    done = build().check("elite", "2", "2", env={"LP_ELITE": ""})
    assert done.stats["elite"] == "off"
