# SPDX-License-Identifier: GPL-2.0-only
"""libclang is told which C a unit is written in."""

from __future__ import annotations

import pytest

from lp_build.model.language import language_arguments, standard_from_macros, standard_of
from lp_build.source.parse import parse_unit

STANDARDS = {
    "": "",
    "-ansi": "c89",
    "-std=c89": "c89",
    "-std=gnu90": "gnu89",
    "-std=iso9899:199409": "iso9899:199409",
    "-std=iso9899:2011": "c11",
    "-std=gnu9x": "gnu99",
    "-std=c18": "c17",
    "-std=c2x": "c2x",
    "-std=gnu23": "gnu2x",
    "-std=c2y": "c2x",
    "-std=c99 -std=gnu11": "gnu11",
}


@pytest.mark.parametrize("flags", STANDARDS)
def test_standard_of_a_command(flags: str) -> None:
    """The last one counts, by any of its names."""
    assert standard_of(flags.split()) == STANDARDS[flags]


@pytest.mark.parametrize(
    ("macros", "standard"),
    [
        ("", "gnu89"),
        ("#define __STDC_VERSION__ 201710L\n", "gnu17"),
        ("#define __STDC_VERSION__ 202311L\n", "gnu2x"),
        ("#define __STDC_VERSION__ 199901L\n#define __STRICT_ANSI__ 1\n", "c99"),
    ],
)
def test_standard_that_a_compiler_takes_by_itself(macros: str, standard: str) -> None:
    """As its predefined macros say: gcc 15 takes C23."""
    assert standard_from_macros(macros) == standard


def test_dialect() -> None:
    """Options that change what a text means go along; others don't."""
    flags = "-O2 -std=gnu11 -fms-extensions -fno-asm -fpack-struct -Wall -funsigned-char".split()
    assert language_arguments(flags) == (
        *("-std=gnu11", "-fms-extensions", "-fno-gnu-keywords", "-fpack-struct=1"),
        "-funsigned-char",
    )


TEXTS = {
    "-std=c89": b"int f(int inline, int asm, int restrict) { return inline ? asm : restrict; }",
    "-std=gnu17": b"typedef int bool; int f(int nullptr) { bool x = nullptr; return x ? 1 : 2; }",
    "-std=c2x": b"[[nodiscard]] int f(int) { bool b = true; typeof(b) *p = nullptr; "
    b"auto n = 1'000; return p ? n : 0b101; }",
    "-std=gnu11 -fms-extensions": b"struct a { int x; }; struct b { struct a; }; "
    b"int f(struct b *b) { return b->x ? 1 : 2; }",
    "-std=gnu11 -fno-asm": b"int f(int asm, int typeof) { return asm ? typeof : 1; }",
}


@pytest.mark.parametrize("flags", TEXTS)
def test_parsed_as_the_build_compiles_it(flags: str) -> None:
    """Each of these is another language's error."""
    unit = parse_unit(TEXTS[flags], language_arguments(flags.split()))
    assert [function.name for function in unit.functions] == ["f"]
    assert unit.problems == ()
