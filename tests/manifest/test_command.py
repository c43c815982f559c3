# SPDX-License-Identifier: GPL-2.0-only
"""`lp manifest` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.rebuild import decide as command
from tests.scout.support import scout

SOURCE = """
static volatile int sink;
__attribute__((noinline)) static int request(int n) { if (n) sink++; return n; }
int main(void) { for (int i = 0; i < 20; i++) request(i); }
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traced")
    program = scout(folder, SOURCE)
    assert program.run()[0] == 0
    return program.traces


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lp.toml").write_text('request = "request"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_json_the_output_is_one_object_whatever_is_explained(
    project: Path, traced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(traced), "--json", "--explain"]) == 0
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert (summary["requests"], summary["classes"], summary["covered"]) == (20, 2, 1.0)
    assert "by class of equal paths" in err


def test_a_manifest_that_was_edited_is_kept_beside_the_new_one(
    project: Path, traced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = project / "lp-manifest.toml"
    for number in ("", "2"):
        command.main([str(traced)])
        text = manifest.read_text(encoding="utf-8") + f"# mine {number}\n"
        manifest.write_text(text, encoding="utf-8")
        command.main([str(traced)])
        kept = project / f"lp-manifest.toml.bak{number}"
        assert kept.read_text(encoding="utf-8") == text
        assert kept.name in capsys.readouterr().out
        assert "# mine" not in manifest.read_text(encoding="utf-8")


def test_a_manifest_that_was_not_edited_is_replaced(project: Path, traced: Path) -> None:
    for _ in range(2):
        command.main([str(traced)])
    assert sorted(p.name for p in project.iterdir()) == ["lp-manifest.toml", "lp.toml"]


def test_a_manifest_behind_a_link_is_replaced_there(project: Path, traced: Path) -> None:
    elsewhere = project / "elsewhere.toml"
    (project / "lp-manifest.toml").symlink_to(elsewhere)
    command.main([str(traced)])
    assert (project / "lp-manifest.toml").is_symlink()
    assert "[[function]]" in elsewhere.read_text(encoding="utf-8")


def test_the_manifest_may_go_to_a_device(
    project: Path, traced: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(traced), "-o", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_a_folder_that_is_not_there_is_named(project: Path, traced: Path) -> None:
    with pytest.raises(LakePlacidError, match="cannot write the manifest") as caught:
        command.main([str(traced), "-o", "none/manifest.toml"])
    assert "-o" in caught.value.remedy
