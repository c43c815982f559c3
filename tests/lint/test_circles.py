# SPDX-License-Identifier: GPL-2.0-only
"""The C files of the runtime need each other one way (of the driver: tests/kernel)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.compile.runtime import elite_archive, heap_archive, scout_archive, survey_archive
from lp_build.config import Config
from lp_build.layout import BuildDir
from tests.lint.circles import circles


def c_objects(archive: Path) -> list[Path]:
    """The archive's objects that are made of C."""
    subprocess.run(["ar", "x", str(archive)], cwd=archive.parent, check=True)
    return sorted(archive.parent.glob("*.c.o"))


@pytest.fixture
def build(tmp_path: Path) -> BuildDir:
    """Where the runtime is built."""
    made = BuildDir(tmp_path)
    made.runtime.mkdir(parents=True)
    return made


def test_in_process_runtime_has_no_circle(build: BuildDir) -> None:
    """With all that it can have: queue mode, forced deopts."""
    config = Config(request="f", mode="queue")
    assert circles(c_objects(elite_archive(build, config, stress=True))) == []


def test_heap_has_no_circle(build: BuildDir) -> None:
    """Its lock below pages below central."""
    assert circles(c_objects(heap_archive(build, "cc"))) == []


def test_scouting_runtime_has_no_circle(build: BuildDir) -> None:
    assert circles(c_objects(scout_archive(build, "cc"))) == []


def test_surveying_runtime_has_no_circle(build: BuildDir) -> None:
    assert circles(c_objects(survey_archive(build, "cc", static=False))) == []


def test_circle_by_way_of_a_third_file_is_found(tmp_path: Path) -> None:
    """And who is only used by it, or uses it, is not in it."""
    files = {
        "user": "void lp_a(void); void lp_user(void) { lp_a(); }",
        "a": "void lp_b(void); void lp_a(void) { lp_b(); }",
        "b": "extern int lp_c; void lp_b(void) { lp_c++; }",
        "c": "void lp_a(void), lp_used(void); int lp_c; void lp_d(void) { lp_a(), lp_used(); }",
        "used": "void lp_used(void) {}",
    }
    objects = []
    for name, text in files.items():
        source = tmp_path / f"{name}.c"
        source.write_text(text, encoding="utf-8")
        objects.append(source.with_suffix(".o"))
        subprocess.run(["cc", "-c", str(source), "-o", str(objects[-1])], check=True)
    assert circles(objects) == [["a.o", "b.o", "c.o"]]
