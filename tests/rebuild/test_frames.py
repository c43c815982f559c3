# SPDX-License-Identifier: GPL-2.0-only
"""Which requests come near the end of their stacks: read from the code of both compilers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.model.sites import Function
from lp_build.rebuild.frames import KIB, Deep, deep_requests

STACK = 512 * KIB

# `lp_request_fallback` is what a specialised program calls its request function.
PROGRAM = """
#include <string.h>
int use(char *text);
__attribute__((noinline)) static int large(int x)
{
	char text[300 * 1024];
	memset(text, x, sizeof(text));
	return use(text);
}
__attribute__((noinline)) static int small(int x)
{
	char text[2000];
	memset(text, x, 9);
	return use(text);
}
__attribute__((noinline)) static int twice(int x) { return x > 7 ? twice(x - 1) + small(x) : x; }
__attribute__((noinline)) static int outer(int x) { return CALLED(x) + twice(x); }
int handle(int x) { return outer(x) + 1; }
extern int lp_request_fallback(int) __attribute__((alias("handle")));
__attribute__((noinline)) int use(char *text) { return text[3]; }
static int (*volatile pointer)(int) = POINTED;
int main(int argc, char **argv) { (void)argv; return handle(argc) + pointer(argc); }
"""
OPTIONS = [
    ("gcc", "-O0"),
    ("gcc", "-O2"),
    ("gcc", "-O2", "-fstack-clash-protection"),
    ("gcc", "-O0", "-fstack-clash-protection"),
    ("gcc", "-Os", "-fomit-frame-pointer", "-fcf-protection"),
    ("clang", "-O0"),
    ("clang", "-O2"),
    ("clang", "-O2", "-fstack-clash-protection"),
]


def look(
    folder: Path, options: tuple[str, ...], called: str, pointed: str, stack: int = STACK
) -> list[Deep]:
    source, program = folder / "a.c", folder / "a"
    source.write_text(PROGRAM)
    defines = (f"-DCALLED={called}", f"-DPOINTED={pointed}")
    command = [*options, *defines, "-w", "-no-pie", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    line = PROGRAM.partition("static int large")[0].count("\n") + 1
    functions = {"large": [Function("a.c", "large", line, True, "", 1, ())]}
    return deep_requests(program, stack, functions)


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_a_large_frame_below_the_request_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    (one,) = look(tmp_path, options, "large", "small")
    assert one.largest[0] == "large"
    assert 300 * KIB <= one.largest[1] < 302 * KIB
    assert [name for name, _ in one.chain][:3] == ["handle", "outer", "large"]
    assert one.largest[1] < one.bytes < 304 * KIB
    said = one.describe(fixed=True)
    assert said.startswith("a.c:4: large takes 300 KiB of stack: a request may need 30")
    assert "handle → outer → large 300 KiB" in said
    assert "\n  remedy: give `stack_size` at least 655360" in said


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_large_frame_that_a_pointer_leads_to_is_named(tmp_path: Path, compiler: str) -> None:
    (one,) = look(tmp_path, (compiler, "-O2"), "small", "large")
    assert (one.largest[0], one.by_pointer) == ("large", True)
    assert "if a request calls it by a pointer" in one.describe(fixed=False)


def test_where_there_is_room_nothing_is_said(tmp_path: Path) -> None:
    assert not look(tmp_path, ("gcc", "-O2"), "small", "small")
    assert not look(tmp_path, ("gcc", "-O2"), "large", "small", stack=8 << 20)


def test_a_program_without_symbols_is_passed_over(tmp_path: Path) -> None:
    assert not look(tmp_path, ("gcc", "-O2", "-s"), "large", "large")
