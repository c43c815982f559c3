# SPDX-License-Identifier: GPL-2.0-only
"""The packages of lp_build/ are a staircase: import-linter, by its contracts in setup.cfg."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from tests.lint.tree import ROOT


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the lp_build/ of a folder by the setup.cfg that lies there."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def _lint_with(folder: Path, files: dict[str, str]) -> str:
    """What is said of a tree of these files, in which every package of ours is, but empty."""
    (folder / "setup.cfg").write_text((ROOT / "setup.cfg").read_text())
    for path in (ROOT / "lp_build").rglob("*.py"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    for name, text in files.items():
        (folder / "lp_build" / name).write_text(text)
    done = _lint(folder)
    assert done.returncode == 1
    return done.stdout


def test_no_import_goes_up_or_round() -> None:
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_nothing_is_left_out() -> None:
    """No import is ignored, none for being for types only."""
    contracts = ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    named = [name for name in contracts.sections() if name.startswith("importlinter")]
    assert len(named) == 3
    kinds = {key for name in named for key in contracts[name]}
    assert kinds == {
        *("root_package", "name", "type", "containers", "exhaustive", "layers", "ancestors")
    }


def test_an_import_within_a_function_counts(tmp_path: Path) -> None:
    text = "def f():\n    from lp_build.rebuild import plan\n"
    said = _lint_with(tmp_path, {"store/journal.py": text, "rebuild/plan.py": ""})
    assert "lp_build.store.journal -> lp_build.rebuild.plan" in said


def test_an_import_for_types_counts(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lp_build.report.html\n"
    said = _lint_with(tmp_path, {"statistics.py": text})
    assert "lp_build.statistics -> lp_build.report.html" in said


def test_two_files_of_a_package_do_not_import_each_other(tmp_path: Path) -> None:
    said = _lint_with(
        tmp_path,
        {
            "vm/guest.py": "import lp_build.vm.qemu\n",
            "vm/qemu.py": "import lp_build.vm.guest\n",
        },
    )
    assert "none goes round BROKEN" in said
