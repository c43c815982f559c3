# SPDX-License-Identifier: GPL-2.0-only
"""`lp init` on real servers: built without an lp.toml, put under a load, and proposed for."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from lp_build.config import load_config
from lp_build.errors import LakePlacidError
from lp_build.init.command import main
from tests.init.support import datagrams, lines, running, sample_copy, wrap

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def udp_kv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The datagram server, surveyed."""
    folder = sample_copy("udp_kv", tmp_path_factory.mktemp("init") / "udp_kv")
    assert "survey: 6 units compiled" in wrap(folder, "make")
    with running("./udp_kv", "-p", "0", cwd=folder) as port:
        datagrams(port, 300)
    return folder


@pytest.fixture
def there(udp_kv: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the surveyed server's folder, with no lp.toml."""
    monkeypatch.chdir(udp_kv)
    (udp_kv / "lp.toml").unlink(missing_ok=True)
    return udp_kv


def proposed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["--json", *arguments]) == 0
    outcome: dict[str, Any] = json.loads(capsys.readouterr().out)
    return outcome


def test_a_datagram_server_that_receives_and_sends_in_its_loop(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = proposed(capsys)
    assert (proposal["request"], proposal["loop"]) == ("handle_request", "serve")
    assert proposal["messages"]["received"] == 300
    assert any("was called 300 times" in reason for reason in proposal["reasons"])
    assert "parse_request" in [one["name"] for one in proposal["candidates"]]


def test_what_is_written_is_a_configuration_with_its_reasons(there: Path) -> None:
    assert main([]) == 0
    config = load_config(there / "lp.toml")
    assert (config.request, config.loop) == ("handle_request", "serve")
    text = (there / "lp.toml").read_text()
    assert "# handle_request (server.c:14) was called 300 times" in text
    assert "#   parse_request (protocol.c:51)" in text


def test_a_configuration_that_is_there_stays(there: Path) -> None:
    (there / "lp.toml").write_text('request = "mine"\n')
    with pytest.raises(LakePlacidError, match="there already"):
        main([])
    assert (there / "lp.toml").read_text() == 'request = "mine"\n'
    assert main(["--force", "--quiet"]) == 0
    assert load_config(there / "lp.toml").request == "handle_request"


def test_show_writes_nothing(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show"]) == 0
    assert 'request = "handle_request"' in capsys.readouterr().out
    assert not (there / "lp.toml").exists()


def test_ones_own_choice_gets_its_reasons_too(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = proposed(capsys, "--show", "--request", "protocol.c:parse_request")
    assert (proposal["request"], proposal["loop"]) == ("parse_request", "serve")


def test_a_choice_that_does_not_exist(there: Path) -> None:
    with pytest.raises(LakePlacidError, match="has no function `nothing`"):
        main(["--show", "--request", "nothing"])


def test_after_init_the_next_build_scouts(there: Path, tmp_path: Path) -> None:
    """Objects of the survey are nobody's when scouting links."""
    copy = tmp_path / "udp_kv"
    shutil.copytree(there, copy)
    (copy / "lp.toml").write_text('request = "handle_request"\n')
    (copy / "server.o").unlink()
    assert "scout: 1 units compiled" in wrap(copy, "make")
    with running("./udp_kv", "-p", "0", cwd=copy) as port:
        datagrams(port, 5)
    assert list(copy.rglob("*.lpt"))


def test_without_a_survey_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakePlacidError, match="no survey of a run") as caught:
        main([])
    assert "lp-wrap make" in str(caught.value)


def test_an_event_loop_whose_handler_receives_and_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sample_copy("http_events", tmp_path / "http_events")
    monkeypatch.chdir(folder)
    wrap(folder, "make")
    with running("./http_events", "-p", "0", cwd=folder) as port:
        lines(port, 4, 50)
    proposal = proposed(capsys)
    assert (proposal["request"], proposal["loop"]) == ("serve_connection", "run_loop")


@pytest.mark.parametrize("linking", ["-O2", "-static"])
def test_a_blocking_server_with_a_thread_for_each_connection(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    linking: str,
) -> None:
    """It is killed: what was counted is in the file already."""
    shutil.copy(PROGRAMS / "lines.c", tmp_path)
    monkeypatch.chdir(tmp_path)
    wrap(tmp_path, "cc", "-O2", "-pthread", "lines.c", "-o", "lines", linking)
    with running("./lines", cwd=tmp_path, ending=signal.SIGKILL) as port:
        lines(port, 4, 50)
    proposal = proposed(capsys)
    assert (proposal["request"], proposal["loop"]) == ("answer", "talk")
    messages = proposal["messages"]
    assert (messages["received"], messages["accepted"]) == (200, 4)
    # An answer may be out before it is counted: the last one of each connection.
    assert 196 <= messages["sent"] <= 200


def test_a_program_that_talks_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quiet.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.chdir(tmp_path)
    wrap(tmp_path, "cc", "quiet.c", "-o", "quiet")
    wrap(tmp_path, "./quiet")
    with pytest.raises(LakePlacidError, match="no message of a client"):
        main([])
