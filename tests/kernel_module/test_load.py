# SPDX-License-Identifier: GPL-2.0-only
"""`lp load`, `lp unload`, `lp status` and `lp build --kernel` where they can't do what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.cli import main
from lp_build.errors import LakePlacidError
from lp_build.kernel_module import load
from lp_build.kernel_module.build import find_headers


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project without modules."""
    (tmp_path / ".lp").mkdir()
    monkeypatch.chdir(tmp_path)


def test_load_without_modules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load"]) == 1
    assert "there are no modules for this kernel" in capsys.readouterr().err


def test_unload_what_is_not_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unload", "nothing"]) == 1
    assert "lp_nothing is not loaded" in capsys.readouterr().err


def test_status_without_a_driver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "is_loaded", lambda _: False)
    assert main(["status"]) == 0
    assert "not loaded" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    assert capsys.readouterr().out == '{"driver": false, "applications": []}\n'


ROW = {"build_id": "ab", "sessions": 1, "runs": 7}


def test_status_of_one_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"name": "one", **ROW}, {"name": "two", **ROW}]
    monkeypatch.setattr(load, "read_status", lambda: {"driver": True, "applications": rows})
    assert main(["status", "./somewhere/two"]) == 0
    said = capsys.readouterr().out
    assert "two (build ab)" in said
    assert "one" not in said


@pytest.mark.parametrize(
    ("driver", "rows", "part"),
    [(True, [{"name": "one", **ROW}], "it knows one"), (False, [], "it is not loaded")],
)
def test_status_of_a_program_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    driver: bool,
    rows: list[dict[str, object]],
    part: str,
) -> None:
    monkeypatch.setattr(load, "read_status", lambda: {"driver": driver, "applications": rows})
    assert main(["status", "server"]) == 1
    said = capsys.readouterr().err
    assert f"the driver does not know `server`: {part}" in said
    assert "remedy: `lp load server`" in said


def test_no_headers(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="no kernel headers"):
        find_headers("6.99.0-nowhere", tmp_path)


def test_headers_in_a_folder(tmp_path: Path) -> None:
    release = tmp_path / "include" / "config" / "kernel.release"
    release.parent.mkdir(parents=True)
    release.write_text("6.1.0-mine\n", encoding="ascii")
    found = find_headers(str(tmp_path), tmp_path)
    assert (found.release, found.headers) == ("6.1.0-mine", tmp_path)
