"""LP_STATS and LP_ELITE: what is written, where, when, and what is refused."""

from __future__ import annotations

import json
import signal

import pytest

from .conftest import Builder


def test_the_object_has_all_its_keys(build: Builder) -> None:
    stats = build(mode="queue").check("leave", "3", "2").stats
    assert set(stats) == {
        *("elite", "mode", "pid", "requests", "finished_in_elite", "deopts", "entries", "slots"),
        *("ring", "elite_text_bytes", "text_bytes"),
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
