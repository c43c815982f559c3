# SPDX-License-Identifier: GPL-2.0-only
"""What the parser makes of preprocessed text, and of text that it cannot make sense of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.lines import LineMap
from lp_build.source.parse import parse_unit
from lp_build.source.scout import ScoutedUnit, scout_source

TEXT = b"""# 0 "sub/a.c"
# 1 "/build//"
# 0 "<built-in>"
# 1 "sub/a.c"
# 1 "/usr/include/sys.h" 1 3 4
static inline int of_system(int x) { return x ? 1 : 2; }
# 7 "sub/a.c" 2
int first(int x)
{
 return x ? 1 : 2;
}
# 20 "sub/dir/b.h" 1

int second(int x) { if (x) return 1; return 2; }
# 12 "sub/a.c" 2
"""


def scout(text: bytes, root: str = "/build") -> ScoutedUnit:
    return scout_source(
        text, cwd="/build", build=BuildDir(Path(root)), config=Config(request="first")
    )


def test_positions_are_those_of_the_line_markers() -> None:
    first, second = scout(TEXT).sites.functions
    assert (first.key, first.line, first.sites[0].line) == ("sub/a.c:first", 7, 9)
    assert (second.key, second.line, second.sites[0].line) == ("sub/dir/b.h:second", 21, 21)


def test_a_file_outside_of_the_project_has_its_absolute_name() -> None:
    first, _ = scout(TEXT, root="/elsewhere").sites.functions
    assert first.file == "/build/sub/a.c"


def test_functions_of_system_headers_are_skipped() -> None:
    assert "of_system" not in {f.name for f in scout(TEXT).sites.functions}


def test_a_function_that_begins_with_a_system_macro_is_the_users() -> None:
    text = b'# 1 "a.c"\n# 5 "a.c" 3 4\n_Bool\n# 5 "a.c"\n    f(int x) { return x && 1; }\n'
    (function,) = scout(text).sites.functions
    assert (function.name, len(function.sites)) == ("f", 1)


def test_static_comes_from_an_earlier_declaration_too() -> None:
    text = b'# 1 "a.c"\nstatic int f(void);\nint f(void) { return 1; }\nint g(void) { return 2; }\n'
    assert [f.static for f in scout(text).sites.functions] == [True, False]


def test_a_file_name_is_unescaped() -> None:
    lines = LineMap(b'# 3 "a\\\\b \\"c\\" \\303\\244.c"\nint x;\n')
    assert (lines.at(30).file, lines.at(30).line) == ('a\\b "c" ä.c', 3)


def test_text_without_line_markers_has_its_own_lines() -> None:
    (function,) = scout(b"\n\nint f(int x)\n{ return x && 1; }\n").sites.functions
    assert (function.line, function.sites[0].line) == (3, 4)


def test_an_error_in_a_function_leaves_only_that_one_alone() -> None:
    text = b"""# 1 "a.c"
int good(int x) { return x ? 1 : 2; }
int bad(int x) {
  if (x)
    return __builtin_only_in_a_compiler_to_come(x, int);
  return 3;
}
int fine(int x) { return x ? 1 : 2; }
"""
    unit = scout(text)
    assert [f.name for f in unit.sites.functions] == ["good", "fine"]
    (problem,) = unit.problems
    assert (problem.file, problem.line) == ("a.c", 4)
    assert "bad is left alone" in problem.reason
    assert b"return __builtin_only_in_a_compiler_to_come(x, int);" in unit.text


def test_an_error_in_a_system_header_is_benign() -> None:
    text = b'# 1 "a.c"\n# 1 "/usr/include/s.h" 1 3\nextern unknown_type s;\n# 2 "a.c" 2\nint f;\n'
    assert scout(text).problems == ()


def test_an_error_outside_of_functions_stops_the_pass_and_names_the_place() -> None:
    with pytest.raises(LakePlacidError) as caught:
        scout(b'# 1 "a.c"\nint x;\nunknown_type y;\nint f(int x) { return x && y; }\n')
    assert (caught.value.file, caught.value.line) == ("a.c", 2)
    assert "unknown_type" in str(caught.value)
    assert "compiled plainly" in caught.value.remedy


def test_broken_text_stops_the_pass() -> None:
    with pytest.raises(LakePlacidError):
        scout(b"int f( {{{")


def test_every_byte_that_is_not_edited_stays() -> None:
    unit = scout(TEXT)
    rest = TEXT
    position = 0
    for byte in rest:
        position = unit.text.index(bytes([byte]), position) + 1
    lines = unit.text.splitlines()
    assert next(line for line in lines if line.startswith(b"# ")) == b'# 0 "sub/a.c"'


def test_added_text_moves_no_line() -> None:
    unit = scout(TEXT)
    before, after = LineMap(TEXT), LineMap(unit.text)
    for word in (b"return x", b"int second", b"return 2; }\n# 12"):
        places = [text.index(word.split(b"\n")[0]) for text in (TEXT, unit.text)]
        assert re.search(re.escape(word.split()[0]), unit.text)
        assert before.at(places[0]) == after.at(places[1]), word


def test_a_large_flat_text_takes_linear_time() -> None:
    body = b"".join(b" if (x == %d)\n  y = g(x)  ;\n" % n for n in range(4000))
    text = b'# 1 "a.c"\nint g(int);\nint f(int x) { int y = 0;\n' + body + b" return y; }\n"
    unit = parse_unit(text)
    assert unit.lines.at(text.index(b"return y")).line == 8003
    assert len(scout(text).sites.functions[0].sites) == 4000


def test_deep_nesting_needs_no_deep_recursion() -> None:
    chain = b" else ".join(b"if (x == %d) y = %d;" % (n, n) for n in range(1500))
    sums = b" && ".join(b"x != %d" % n for n in range(1500))
    text = b"int f(int x) { int y = 0; %b return y + (%b); }\n" % (chain, sums)
    assert len(scout(text).sites.functions[0].sites) == 1500 + 1499


def test_much_white_space_behind_a_call_is_no_trouble() -> None:
    text = b"int g(int);\nint f(int x) { return g(g(x)" + b"\n \t" * 5000 + b"); }\n"
    assert len(scout(text).sites.functions) == 2 - 1
