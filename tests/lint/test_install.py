# SPDX-License-Identifier: GPL-2.0-only
"""What `pip install .` puts into a fresh virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.lint.tree import ROOT, tree_files

pytestmark = pytest.mark.needs_network


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the package and what it requires, installed from a copy of the
    tree (building leaves files)."""
    folder = tmp_path_factory.mktemp("install")
    for path in tree_files():
        copy = folder / "tree" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", "--quiet", str(folder / "tree")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "venv"


def _python(installed: Path, code: str) -> str:
    # outside the checkout, which must not stand in for what was not installed
    done = subprocess.run(
        [installed / "bin/python", "-I", "-c", code],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "suffixes"),
    [
        ("templates", {".j2", ".css", ".js"}),
        ("c_runtime", {".c", ".h", ".S", ".toml"}),
        ("kernel", {".c", ".h", ".S"}),
        ("sample_projects", {".c", ".h", ".py", ".toml"}),
    ],
)
def test_resources_are_installed(installed: Path, kind: str, suffixes: set[str]) -> None:
    """Every template and every source of the runtime, at any depth."""
    where = Path(
        _python(installed, f"import lp_build.resources as r; print(r.resource_dir({kind!r}))")
    )
    assert where.is_relative_to(installed)
    ours = {
        str(path.relative_to(ROOT / kind))
        for path in tree_files()
        if path.is_relative_to(ROOT / kind) and path.suffix in suffixes
    }
    assert ours - {str(path.relative_to(where)) for path in where.rglob("*")} == set()


def test_every_package_is_installed(installed: Path) -> None:
    """No folder of lp_build is forgotten in setup.cfg."""
    ours = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in tree_files()
        if path.is_relative_to(ROOT / "lp_build") and path.suffix == ".py"
    }
    where = Path(_python(installed, "import lp_build; print(lp_build.__file__)")).parent
    theirs = {
        ".".join(path.relative_to(where.parent).with_suffix("").parts)
        for path in where.rglob("*.py")
    }
    assert ours - theirs == set()


@pytest.mark.parametrize("command", ["lp", "lp-wrap"])
def test_command_tells_its_usage(installed: Path, command: str) -> None:
    """Out of the virtual environment, not activated."""
    done = subprocess.run(
        [installed / "bin" / command, "--help"], cwd=installed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_lp_cc_is_the_compiler(installed: Path, tmp_path: Path) -> None:
    """Without a phase: the same bytes as the compiler's."""
    source = tmp_path / "x.c"
    source.write_text("int main(void) { return 7; }\n", encoding="utf-8")
    environ = {name: text for name, text in os.environ.items() if not name.startswith("LP_")}
    for compiler, target in ((str(installed / "bin/lp-cc"), "ours.o"), ("cc", "plain.o")):
        subprocess.run([compiler, "-c", "x.c", "-o", target], cwd=tmp_path, env=environ, check=True)
    assert (tmp_path / "ours.o").read_bytes() == (tmp_path / "plain.o").read_bytes()


def test_installed_for_this_python(installed: Path) -> None:
    """The fresh environment has the Python that the tests run with."""
    assert _python(installed, "import sys; print(sys.version)") == sys.version


def test_manual_pages_and_completion_are_installed(installed: Path) -> None:
    """Where man and shells look for them."""
    share = installed / "share"
    assert (share / "man/man1/lp-wrap.1").is_file()
    assert (share / "bash-completion/completions/lp").is_file()
    assert (share / "zsh/site-functions/_lp").is_file()
