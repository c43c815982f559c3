# SPDX-License-Identifier: GPL-2.0-only
"""Static functions as observed targets of another unit's indirect calls."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.projection.project import project
from lp_build.projection.request import ProjectionRequest
from lp_build.projection.symbols import known_name

KNOWN = known_name("b.c:target")
CALLER = """
extern int (*hook)(int);
int call(int n) {
	return hook(n) + 1; }
"""
CALLEE = """
static __attribute__((noinline)) int target(int n) { return n * n; }
int (*hook)(int) = target;
"""
# What the runtime would define.
RUNTIME = """
void lp_deopt(void) { __builtin_trap(); }
void lp_lookup(void) { __builtin_trap(); }
extern int elite(int) __asm__("call.lp_elite");
int main(void) { return elite(4) != 17; }
"""
REQUEST = ProjectionRequest(
    elite=frozenset({"call"}),
    elite_elsewhere=frozenset(),
    defined=frozenset(),
    markers=(),
    observed={("x.c", 4): (KNOWN,)},
    not_elite={},
    request=None,
    stress=False,
    keep_debug=False,
    source_name=lambda file: "x.c",
    known_elsewhere=frozenset({KNOWN}),
)
OWN = replace(
    REQUEST,
    elite=frozenset({"target"}),
    observed={},
    known_as={"target": KNOWN},
    known_elsewhere=frozenset(),
)
FLAGS = ["-O2", "-g1", "-fno-pic", "-fno-pie", "-mno-red-zone", "-fno-optimize-sibling-calls"]


def projected(folder: Path, name: str, source: str, request: ProjectionRequest) -> Path:
    """The object of a unit with its Elite copies."""
    (folder / f"{name}.c").write_text(source, encoding="utf-8")
    command = ["gcc", *FLAGS, "-S", f"{name}.c", "-o", f"{name}.s"]
    subprocess.run(command, cwd=folder, check=True)
    result = project((folder / f"{name}.s").read_text(encoding="utf-8"), request)
    assert result.rejected == ()
    (folder / f"{name}.lp.s").write_text(result.text, encoding="utf-8")
    target = folder / f"{name}.o"
    subprocess.run(["gcc", "-c", f"{name}.lp.s", "-o", str(target)], cwd=folder, check=True)
    return target


def link(folder: Path, *objects: Path) -> Path:
    (folder / "runtime.c").write_text(RUNTIME, encoding="utf-8")
    command = ["gcc", "-O2", "-fno-pie", "-no-pie", "runtime.c", *map(str, objects), "-o", "out"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "out"


@pytest.mark.parametrize("copies", [1, 2])
def test_elite_calls_the_copy_in_the_other_unit(tmp_path: Path, copies: int) -> None:
    """Without the table, which this runtime has not. Twice: a source compiled twice."""
    caller = projected(tmp_path, "caller", CALLER, REQUEST)
    callees = [projected(tmp_path, "callee", CALLEE, OWN)]
    if copies == 2:
        again = CALLEE.replace("*hook)", "*other)")
        callees.append(projected(tmp_path, "again", again, OWN))
    assert subprocess.run([link(tmp_path, caller, *callees)], check=False).returncode == 0


def test_a_unit_that_has_no_copy_after_all_still_links(tmp_path: Path) -> None:
    caller = projected(tmp_path, "caller", CALLER, REQUEST)
    plain = projected(tmp_path, "callee", CALLEE, replace(OWN, elite=frozenset()))
    program = link(tmp_path, caller, plain)
    # The pointer equals no known target, so that the table is asked.
    assert subprocess.run([program], check=False).returncode < 0


def test_pointer_to_another_units_request_function_meets_its_stub(tmp_path: Path) -> None:
    """Which puts the request on a slot; its Elite copy itself would run where the caller is."""
    caller = projected(
        tmp_path, "caller", CALLER, replace(REQUEST, request_elsewhere=frozenset({KNOWN}))
    )
    owner = projected(tmp_path, "callee", CALLEE, replace(OWN, request="target"))
    # The stub leads through lp_request_target, which this runtime sets to the Fallback.
    (tmp_path / "stub.c").write_text(
        "extern void lp_request_fallback(void);\n"
        "void (*lp_request_target)(void) = lp_request_fallback;\n",
        encoding="utf-8",
    )
    subprocess.run(["gcc", "-c", "stub.c"], cwd=tmp_path, check=True)
    program = link(tmp_path, caller, owner, tmp_path / "stub.o")
    assert subprocess.run([program], check=False).returncode == 0
    text = (tmp_path / "caller.lp.s").read_text(encoding="utf-8")
    assert f"call {KNOWN}\n" in text
    assert f"{KNOWN}.lp_elite" not in text.replace(f".weak {KNOWN}.lp_elite", "").replace(
        f".hidden {KNOWN}.lp_elite", ""
    )
