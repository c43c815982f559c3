# SPDX-License-Identifier: GPL-2.0-only
"""A function's digest and weights: what counts in its text, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.sites import Function
from lp_build.source.scout import scout_source


def function(text: str) -> Function:
    unit = scout_source(
        text.encode(), cwd="/b", build=BuildDir(Path("/b")), config=Config(request="f")
    )
    return unit.sites.functions[-1]


BASE = '# 1 "a.c"\nint f(int x) { if (x > 1) return x+1; return 2; }\n'


@pytest.mark.parametrize(
    "same",
    [
        '# 1 "a.c"\n\n\nint  f( int x )\n{\n\tif (x>1)\n\t\treturn x + 1;\n\treturn 2;\n}\n',
        '# 9 "other.h" 1\nint f(int x) { if (x > 1) return x+1; return 2; }\n',
        '# 1 "a.c"\nint f(int x) { if (x >\n# 1 "a.c" 3 4\n 1\n# 1 "a.c"\n) return x+1; '
        "return 2; }\n",
        '# 1 "a.c"\nint before(int x) { return x; }\n' + BASE.partition("\n")[2],
    ],
    ids=["white space", "place", "line markers", "other functions"],
)
def test_the_digest_is_blind_to(same: str) -> None:
    assert function(same).digest == function(BASE).digest


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("x > 1", "x >= 1"),
        BASE.replace("x > 1", "x > 2"),
        BASE.replace("x+1", "x++1".replace("++", "+ +")),
        BASE.replace("int x", "long x"),
        BASE.replace("int f", "static int f"),
        BASE.replace("return 2", 'return *"2"'),
    ],
)
def test_the_digest_sees_other_tokens(other: str) -> None:
    assert function(other).digest != function(BASE).digest


def test_white_space_in_a_string_counts() -> None:
    one, two = (f'# 1 "a.c"\nconst char *f(void) {{ return "a{gap}b"; }}\n' for gap in (" ", "  "))
    assert function(one).digest != function(two).digest


@pytest.mark.parametrize(
    "call",
    [
        'fail("a.c", {})',
        'fail("a.c"\n# {} "a.c" 3 4\n,\n# {} "a.c"\n{})',
        'other({}, "a.c")',
        "fail(__func__, {})",
    ],
)
@pytest.mark.parametrize(("one", "two"), [(30, 31), (1999, 2000)])
def test_a_line_number_that_moves_with_its_line_does_not_count(
    call: str, one: int, two: int
) -> None:
    def text(line: int) -> str:
        ended = call.replace("{}", str(line))
        return (
            '# 1 "a.c"\nvoid fail(const char *, int), other(int, const char *);\n'
            f'# {line} "a.c"\nvoid f(int x) {{ (x ? (void)0 : {ended}); }}\n'
        )

    assert function(text(one)).digest == function(text(two)).digest
    assert function(text(one)).digest != function(text(one).replace("x ?", "!x ?")).digest


def arms(text: str) -> list[dict[str, int]]:
    return [{arm.name: arm.weight for arm in site.arms} for site in function(text).sites]


def test_an_arm_weighs_what_only_it_reaches() -> None:
    (outer, inner) = arms("int f(int x) { if (x) { if (x > 1) return 12345; x = 1; } return 0; }")
    assert inner == {"true": len("return 12345"), "false": 1}
    assert outer["true"] == len("{ if (x > 1) return 12345; x = 1; }") - len("return 12345")
    assert outer["false"] == 1


def test_a_function_weighs_what_no_arm_owns() -> None:
    text = "int f(int x) { if (x) return 12345; return 0; }"
    assert function(text).weight == len("{ if (x) return 12345; return 0; }") - len("return 12345")


def test_a_switch_arm_weighs_all_its_statements() -> None:
    text = "int f(int x) { switch (x) { case 1: x++; x++; break; default: x--; } return x; }"
    (site,) = arms(text)
    assert site == {"case0": len(" x++; x++; break; "), "default": len(" x--; ")}


def test_line_markers_and_indentation_weigh_nothing() -> None:
    flat = "int f(int x) { if (x) {x = 1;x = 2;} return 0; }"
    long = (
        'int f(int x) { if (x) {\n\n# 1 "a.c" 3 4\n\t\tx = 1;\n# 7 "a.c"\n        x = 2;}'
        " return 0; }"
    )
    assert arms(flat) == arms(long)


def test_shared_code_is_what_follows_the_operator() -> None:
    (site,) = arms("int f(int x) { return x || (x + 100); }")
    assert site == {"true": 1, "false": len("(x + 100)")}
