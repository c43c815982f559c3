"""`lp load`, `lp unload`, `lp status` and `lp build --kernel` where they can't do what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.cli import main
from lp_build.errors import LakePlacidError
from lp_build.module.build import find_headers
from lp_build.module.load import is_loaded


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


def test_status_without_a_driver(capsys: pytest.CaptureFixture[str]) -> None:
    if is_loaded("lakeplacid"):
        pytest.fail("this test is for machines where the driver is not loaded")
    assert main(["status"]) == 0
    assert "not loaded" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    assert capsys.readouterr().out == '{"driver": false, "applications": []}\n'


def test_no_headers(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="no kernel headers"):
        find_headers("6.99.0-nowhere", tmp_path)


def test_headers_in_a_folder(tmp_path: Path) -> None:
    release = tmp_path / "include" / "config" / "kernel.release"
    release.parent.mkdir(parents=True)
    release.write_text("6.1.0-mine\n", encoding="ascii")
    found = find_headers(str(tmp_path), tmp_path)
    assert (found.release, found.headers) == ("6.1.0-mine", tmp_path)
