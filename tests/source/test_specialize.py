# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts become markers: which arms get one, what kind, and where it ends up in the assembly."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.model.sites import name_versions
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.source.scout import scout_source
from lp_build.source.specialize import SpecializedUnit, specialize_source

ROOT = BuildDir(Path("/b"))
CONFIG = Config(request="handle", loop="serve")


def elite(
    text: str,
    name: str,
    conditions: dict[int, Verdict] | None = None,
    switches: dict[int, tuple[str, ...]] | None = None,
) -> FunctionVerdicts:
    sites = scout_source(text.encode(), cwd="/b", build=ROOT, config=CONFIG).sites
    function = next(f for f in sites.functions if f.name == name)
    return FunctionVerdicts(
        function.file,
        name,
        function.digest,
        function.line,
        function.static,
        True,
        conditions or {},
        switches or {},
    )


def mark(
    text: str,
    *entries: FunctionVerdicts,
    stress: bool = False,
    clang: bool = False,
    config: Config = CONFIG,
) -> SpecializedUnit:
    known_as = name_versions(entries)
    functions = {known_as[e.key, e.digest]: e for e in entries}
    manifest = Manifest("handle", None, 0.99, 1.0, functions)
    return specialize_source(
        text.encode(),
        cwd="/b",
        build=ROOT,
        config=config,
        manifest=manifest,
        stress=stress,
        clang=clang,
    )


def names(unit: SpecializedUnit) -> list[tuple[str, str]]:
    return [(marker.kind, marker.site) for marker in unit.markers]


IF = """# 1 "a.c"
int one(void), two(void);
int f(int x)
{
 if (x)
  return one();
 return two();
}
"""


@pytest.mark.parametrize(
    ("verdict", "ordinary", "stress"),
    [
        (Verdict.LIKELY, ["LP_COLD false"], ["LP_ARM true", "LP_COLD false"]),
        (Verdict.UNLIKELY, ["LP_COLD true"], ["LP_COLD true", "LP_ARM false"]),
        (Verdict.UNKNOWN, [], ["LP_ARM true", "LP_ARM false"]),
    ],
)
def test_a_verdict_marks_arms(verdict: Verdict, ordinary: list[str], stress: list[str]) -> None:
    entry = elite(IF, "f", {0: verdict})
    for unit, wanted in ((mark(IF, entry), ordinary), (mark(IF, entry, stress=True), stress)):
        assert [f"{m.kind} {m.site.rpartition(':')[2]}" for m in unit.markers] == wanted
        for marker in unit.markers:
            assert marker.site.startswith("a.c:f:0:")
            assert (marker.file, marker.function) == ("a.c", "a.c:f")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    ("verdict", "cold", "hot"),
    [(Verdict.LIKELY, "two", "one"), (Verdict.UNLIKELY, "one", "two")],
)
def test_the_marker_stands_before_the_cold_arm_in_the_assembly(
    compiler: str, verdict: Verdict, cold: str, hot: str
) -> None:
    unit = mark(IF, elite(IF, "f", {0: verdict}), clang=compiler == "clang")
    asm = subprocess.run(
        [compiler, "-O2", "-x", "cpp-output", "-S", "-", "-o", "-"],
        input=unit.text,
        capture_output=True,
        check=True,
    ).stdout.decode()
    seen = re.findall(r"#LP_COLD 0|(?:call|jmp)\w*\s+(one|two)\b", asm)
    assert sorted(seen) == ["", "one", "two"]
    assert seen[seen.index("") + 1] == cold
    assert hot != cold


def test_a_function_that_is_not_elite_is_untouched() -> None:
    entry = replace(elite(IF, "f", {0: Verdict.LIKELY}), elite=False)
    assert mark(IF, entry).text == IF.encode()


def test_a_changed_function_is_reported_and_not_elite() -> None:
    entry = replace(elite(IF, "f", {0: Verdict.LIKELY}), digest="0" * 16)
    unit = mark(IF, entry)
    assert unit.text == IF.encode()
    assert unit.markers == ()
    (problem,) = unit.problems
    assert (problem.file, problem.line) == ("a.c", 2)
    assert "f changed since scouting" in problem.reason
    assert "changed" in unit.not_elite["a.c:f"]


def test_of_two_entries_of_one_name_the_one_with_the_same_digest_counts() -> None:
    entry = elite(IF, "f", {0: Verdict.LIKELY})
    unit = mark(IF, entry, replace(entry, digest="0" * 16, conditions={0: Verdict.UNLIKELY}))
    assert names(unit) == [("LP_COLD", f"a.c:f#{entry.digest}:0:false")]
    assert not unit.problems


SWITCH = """# 1 "a.c"
int f(int x)
{
 switch (x) {
 case 1:
 case 2:
  return 5;
 case 3:
  return 6;
 }
 return 0;
}
"""


def test_switch_labels_that_are_not_hot_are_cold() -> None:
    unit = mark(SWITCH, elite(SWITCH, "f", switches={0: ("case1",)}))
    assert [marker.site for marker in unit.markers] == [
        "a.c:f:0:case0",
        "a.c:f:0:case2",
        "a.c:f:0:default",
    ]
    assert [marker.line for marker in unit.markers] == [4, 7, 3]
    assert b"break;default:" in unit.text


def test_an_implicit_default_that_is_hot_is_not_added() -> None:
    unit = mark(SWITCH, elite(SWITCH, "f", switches={0: ("case1", "default")}))
    assert b"default:" not in unit.text


def test_a_switch_that_the_manifest_does_not_know_is_all_hot() -> None:
    assert mark(SWITCH, elite(SWITCH, "f")).text == SWITCH.encode()


LOOPS = """# 1 "a.c"
int handle(int);
int serve(int n)
{
 for (;;) {
  int r = handle(n);
  while (r--)
   n++;
  if (n > 9)
   break;
 }
 for (;;)
  if (n++ > 20)
   return n;
}
"""


def test_entries_stand_at_the_outermost_loops_of_the_loop_function() -> None:
    unit = mark(LOOPS, elite(LOOPS, "serve"))
    assert names(unit) == [
        ("LP_ENTRY", "a.c:serve:entry@4"),
        ("LP_ENTRY", "a.c:serve:entry@11"),  # its body has no braces
    ]
    other = mark(LOOPS, elite(LOOPS, "serve"), config=Config(request="handle"))
    assert other.markers == ()


def test_stress_marks_each_loop_with_braces_or_without() -> None:
    unit = mark(LOOPS, elite(LOOPS, "serve"), stress=True)
    assert [m.site for m in unit.markers if m.kind == "LP_LOOP"] == [
        "a.c:serve:loop@4",
        "a.c:serve:loop@6",
        "a.c:serve:loop@11",
    ]
    for number in range(len(unit.markers)):
        assert re.search(rb'"#LP_[A-Z]+ %d"' % number, unit.text)


@pytest.mark.parametrize("reader", ["return_address(0)", "frame_address(0)", "dwarf_cfa()"])
def test_a_function_that_looks_at_its_frame_is_not_elite(reader: str) -> None:
    text = f'# 1 "a.c"\nvoid *f(int x) {{ return x ? __builtin_{reader} : 0; }}\n'
    unit = mark(text, elite(text, "f", {0: Verdict.LIKELY}))
    assert unit.text == text.encode()
    assert f"__builtin_{reader.partition('(')[0]}" in unit.not_elite["a.c:f"]


def test_says_which_lines_look_at_frames_wherever_they_are_inlined() -> None:
    text = (
        '# 1 "a.h"\nstatic inline void *here(void) {\nreturn __builtin_return_address(0); }\n'
        '# 1 "a.c"\nvoid *f(void) { return here(); }\n'
    )
    unit = mark(text, elite(text, "f"))
    assert unit.frame_reads == {("a.h", 2)}
    assert unit.frame_readers == {"here"}
    assert unit.not_elite == {}


@pytest.mark.parametrize(
    "definition",
    [
        "int handle(int x) {",
        "static inline int handle(int x) {",
        "extern int handle(x) int x; {",
        "__extension__ static __attribute__((unused)) int handle(int x) {",
        "static struct s { int a; } *p; int *handle(int x) { static int k = 0; (void)k;",
        "int typedef_first; const volatile int *const handle(int x) {",
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_request_function_is_kept_as_it_is_called(definition: str, compiler: str) -> None:
    result = "0" if "*" in definition else "x"
    text = (
        f'# 1 "a.c"\n{definition} return {result}; }}\nint main(void) {{ return !!handle(0); }}\n'
    )
    unit = mark(text, clang=compiler == "clang")
    subprocess.run(
        [compiler, "-w", "-x", "cpp-output", "-O2", "-c", "-", "-o", "/dev/null"],
        input=unit.text,
        check=True,
    )
    attribute = b"__noipa__" if compiler == "gcc" else b"__noinline__,__used__"
    assert unit.text.count(attribute) == 1


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        ("void handle(int a, int b, int c, int d, int e, int f, int g) {}", "more arguments"),
        ("void handle(const char *a, ...) {}", "variable number"),
        ("struct s { int a; }; struct s handle(void) { struct s s = {0}; return s; }", "returns a"),
        ("union u { int a; }; union u handle(void) { union u u = {0}; return u; }", "returns a"),
        ("void handle(long double x) {}", "takes `x` in memory"),
        ("struct s { long a[3]; }; void handle(struct s s) {}", "takes `s` in memory"),
        ("long double handle(void) { return 0; }", "returns `long double`"),
        (
            "struct s { long a, b; }; void handle(struct s a, struct s b, struct s c, int d) {}",
            "more arguments",
        ),
    ],
)
def test_a_request_function_that_needs_memory_is_refused(definition: str, complaint: str) -> None:
    with pytest.raises(LakePlacidError) as caught:
        mark(f'# 41 "a.c"\n{definition}\n')
    assert complaint in caught.value.message
    assert (caught.value.file, caught.value.line) == ("a.c", 41)
    assert "lp.toml" in caught.value.remedy


@pytest.mark.parametrize(
    "definition",
    [
        "void handle(int a, int b, int c, char *d, long e, _Bool f) {}",
        "double handle(double x, float y) { return x + y; }",
        "struct s { long a, b; }; void handle(struct s s, int c) {}",
        "enum e { A }; enum e handle(enum e e, int a[3], void (*f)(void)) { return e; }",
        "int handle() { return 1; }",
        "typedef unsigned long size; size handle(const size x) { return x; }",
    ],
)
def test_a_request_function_in_registers_is_taken(definition: str) -> None:
    assert mark(f'# 1 "a.c"\n{definition}\n').text.count(b"__noipa__") == 1
