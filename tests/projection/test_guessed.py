# SPDX-License-Identifier: GPL-2.0-only
"""Targets of indirect calls that scouting saw in one program, in a unit that another shares."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from tests.projection.test_known import CALLER, REQUEST, link, projected

SEEN = replace(
    REQUEST,
    observed={("x.c", 4): ("target",)},
    elite_elsewhere=frozenset({"target"}),
    known_elsewhere=frozenset(),
)
REQUEST_OF_NONE = replace(SEEN, elite=frozenset(), observed={}, elite_elsewhere=frozenset())
TARGET = """
int target(int n) { return n * n; }
int (*hook)(int) = target;
"""
OTHER = """
static int other(int n) { return n; }
int (*hook)(int) = other;
"""
NAMES_IT = "\nextern int target(int);\nint direct(int n) { return target(n); }\n"


def test_program_without_the_target_links(tmp_path: Path) -> None:
    """redis-benchmark has the dictionaries of redis-server, and not the server's comparisons."""
    caller = projected(tmp_path, "caller", CALLER, SEEN)
    program = link(tmp_path, caller, projected(tmp_path, "callee", OTHER, REQUEST_OF_NONE))
    # The pointer equals no target that is there, so that the table is asked.
    assert subprocess.run([program], check=False).returncode < 0


def test_program_that_has_the_target_compares_with_it(tmp_path: Path) -> None:
    caller = projected(tmp_path, "caller", CALLER, SEEN)
    own = replace(REQUEST_OF_NONE, elite=frozenset({"target"}))
    program = link(tmp_path, caller, projected(tmp_path, "callee", TARGET, own))
    assert subprocess.run([program], check=False).returncode == 0


def test_target_that_the_unit_itself_names_stays_as_it_was(tmp_path: Path) -> None:
    """A weak reference would not bring it out of an archive."""
    projected(tmp_path, "caller", CALLER, SEEN)
    assert "\t.weak target\n" in (tmp_path / "caller.lp.s").read_text(encoding="utf-8")
    projected(tmp_path, "caller", CALLER + NAMES_IT, SEEN)
    assert "\t.weak target\n" not in (tmp_path / "caller.lp.s").read_text(encoding="utf-8")
