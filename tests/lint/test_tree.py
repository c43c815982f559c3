# SPDX-License-Identifier: GPL-2.0-only
"""The tree's files: no traces of a developer's machine, no undocumented modules, tidy text."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.lint.tree import ROOT, text_of, tree_files

# where people keep checkouts
DEVELOPERS_PATH = re.compile(r"(?<![\w.$}/-])/(?:home|work|Users)/[/\w]*")
# made-up ones in documentation and tests
ALLOWED_PATHS = {"/home/user"}


def test_no_path_of_a_developers_machine() -> None:
    """Nothing that only exists where it was written."""
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tree_files()
        for match in DEVELOPERS_PATH.finditer(text_of(path) or "")
        if match.group() not in ALLOWED_PATHS
    ]
    assert found == []


def test_no_path_of_this_checkout() -> None:
    """Neither the place of the checkout nor the user's home."""
    here = [str(ROOT), str(Path.home())]
    found = [
        str(path.relative_to(ROOT))
        for path in tree_files()
        if any(len(Path(place).parts) > 2 and place in (text_of(path) or "") for place in here)
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["lp_build", "tests", "sample_projects"])
def test_every_module_says_what_it_is(folder: str) -> None:
    """A docstring at the top of all that is not empty."""
    missing = [
        str(path.relative_to(ROOT))
        for path in tree_files()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / folder)
        and text_of(path)
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert missing == []


def test_every_c_file_says_what_it_is() -> None:
    """A comment behind the line that says its licence."""
    missing = [
        str(path.relative_to(ROOT))
        for path in tree_files()
        if path.suffix in (".c", ".h")
        and path.is_relative_to(ROOT / "c_runtime")
        and not re.match(r"(// |/\* )SPDX-License-Identifier: .*\n/\*", text_of(path) or "")
    ]
    assert missing == []


def test_text_is_tidy() -> None:
    """No blanks at line ends, no carriage returns, a newline at the end."""
    untidy = []
    for path in tree_files():
        text = text_of(path)
        # inputs of tests are as they are
        if not text or "cases" in path.parts:
            continue
        if re.search(r"[ \t]$|\r", text, re.MULTILINE) or not text.endswith("\n"):
            untidy.append(str(path.relative_to(ROOT)))
    assert untidy == []


def test_scripts_can_be_run() -> None:
    """Everything in scripts/ and .ci/ is executable and has an interpreter."""
    scripts = [p for p in tree_files() if p.parent in (ROOT / "scripts", ROOT / ".ci")]
    assert scripts
    for path in scripts:
        assert os.access(path, os.X_OK), path
        assert path.read_bytes().startswith(b"#!"), path


def test_ci_runs_make_test() -> None:
    """.ci/run runs that and nothing else."""
    commands = [
        line
        for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if re.match(r"(exec )?make\b", line)
    ]
    assert commands == ["exec make test"]


def test_makefile_describes_every_target() -> None:
    """`make help` names each target that is meant for people."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    described = set(re.findall(r"^make ([a-z-]+)", shown.stdout, re.MULTILINE))
    assert described == targets - {"help", "set-up-demo", "set-up-test", "set-up-servers"}
