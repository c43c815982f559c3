# SPDX-License-Identifier: GPL-2.0-only
"""What a survey counts, on a program that makes it hard; and files that are no surveys."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.init.survey import Survey, read_surveys
from tests.init.support import SECONDS, clean_environment, running, wrap

PROGRAMS = Path(__file__).parent / "programs"


def printed(program: Path) -> str:
    done = subprocess.run(
        [program], capture_output=True, text=True, check=True, env=clean_environment()
    )
    return done.stdout


@pytest.fixture(scope="module", params=["gcc", "clang"])
def hazards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """The survey of `hazards.c`, parent and child; it prints what the plain program prints."""
    folder = tmp_path_factory.mktemp("hazards")
    shutil.copy(PROGRAMS / "hazards.c", folder)
    compiler = str(request.param)
    subprocess.run([compiler, "-O2", "hazards.c", "-o", "plain"], cwd=folder, check=True)
    wrap(folder, compiler, "-O2", "hazards.c", "-o", "surveyed")
    assert printed(folder / "surveyed") == printed(folder / "plain")
    return read_surveys([folder])


def test_calls_are_counted_in_parent_and_child(hazards: Survey) -> None:
    calls = {f.name: hazards.counts[key].calls for key, f in hazards.functions.items()}
    assert calls == {
        "main": 1,
        "serve": 2,
        "step": 20,
        "turn": 20,
        "jumped": 20,
        "jump": 120,
        "recursive": 80,
        "inlined": 40,
    }


def test_iterations_are_counted_with_and_without_blocks(hazards: Survey) -> None:
    serve = hazards.loops["hazards.c:serve"]
    assert serve == [20, 10, 22]  # for (;;), do, and for with its last look at the condition
    assert hazards.loops["hazards.c:inlined"] == [120]


def test_messages_count_for_all_that_they_were_received_below(hazards: Survey) -> None:
    turn, serve = hazards.counts["hazards.c:turn"], hazards.counts["hazards.c:serve"]
    assert (turn.receives, turn.sends, turn.own_receives, turn.received) == (20, 20, 20, 20)
    assert (serve.receives, serve.sends, serve.own_receives, serve.received) == (20, 20, 0, 2)
    assert hazards.counts["hazards.c:jumped"].receives == 0


def test_frames_that_longjmp_left_are_no_callers(hazards: Survey) -> None:
    callers = {a for (a, b) in hazards.edges if b == "hazards.c:inlined"}
    assert callers == {"hazards.c:jumped", "hazards.c:recursive"}
    assert set(hazards.callers("hazards.c:jumped")) == {"hazards.c:serve"}


def test_calls_from_a_loop_are_told_from_others(hazards: Survey) -> None:
    edge = hazards.edges["hazards.c:serve", "hazards.c:turn"]
    assert (edge.calls, edge.looped) == (20, 20)
    assert hazards.edges["hazards.c:main", "hazards.c:serve"].looped == 0


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that gave up root, forked 300 times, and was surveyed."""
    folder = tmp_path_factory.mktemp("forking")
    shutil.copy(PROGRAMS / "forking.c", folder)
    wrap(folder, "cc", "-O2", "forking.c", "-o", "forking")
    with running("./forking", "300", cwd=folder) as port:
        for _ in range(300):
            with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
                client.sendall(b"hello")
                assert client.recv(64) == b"hello"
    return folder


def test_children_of_a_server_that_gave_up_root_are_counted(forking: Path) -> None:
    survey = read_surveys([forking / ".lp"])
    counts = survey.counts["forking.c:answer"]
    assert (counts.calls, counts.receives, counts.sends) == (300, 300, 300)
    assert survey.warnings == []


def test_a_function_that_ends_its_process_has_done_its_work(forking: Path) -> None:
    survey = read_surveys([forking / ".lp"])
    work, rest = (survey.counts[f"forking.c:{name}"].cycles for name in ("answer", "main"))
    assert 0 < work < rest < 1 << 50


def test_processes_that_have_ended_leave_their_place_to_others(forking: Path) -> None:
    assert read_surveys([forking / ".lp"]).threads == 1  # at once in any one process
    (path,) = (forking / ".lp").rglob("*.lps")
    assert 512 * path.stat().st_blocks < 128 << 10


def test_a_file_that_is_no_survey(tmp_path: Path) -> None:
    (tmp_path / "x.lps").write_bytes(b"something else, which is long enough to hold a header" * 3)
    with pytest.raises(LakePlacidError, match="not a survey file"):
        read_surveys([tmp_path])


def test_a_file_that_is_cut_off_gives_a_warning(tmp_path: Path, hazards: Survey) -> None:
    (tmp_path / "x.lps").write_bytes(b"\0" * 100)
    assert "empty" in read_surveys([tmp_path]).warnings[0]
