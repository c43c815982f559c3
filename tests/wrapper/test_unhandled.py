# SPDX-License-Identifier: GPL-2.0-only
"""What our passes can't handle fails no build: it is compiled plainly, and the report says why.

Whatever happens to our part: the build's own command has run, its outputs stand, its status and
diagnostics are its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lp_build.store.problems import load_report, renew
from tests.wrapper.support import HANDLER, Project

NESTED = "int f(int x) { int g(int y) { return x + y; } return g(1); }\n"
DEEP = 1000
UNITS = {
    "nested_functions": (NESTED, "it has a nested function"),
    "long_chain": (
        "int f(int x)\n{\n"
        + "".join(f"\tif (x == {n}) return {n}; else\n" for n in range(DEEP))
        + "\treturn 0;\n}\n",
        "",
    ),
    "deep_blocks": (
        "int f(int x)\n{\n" + "if (x) {\n" * DEEP + "x++;\n" + "}\n" * DEEP + "return x;\n}\n",
        "",
    ),
    # It ends libclang.
    "long_expression": ("int f(int x) { return " + "x + " * 20_000 + "1; }\n", "SIGSEGV"),
    "not_text": ('char *s = "\udcff\udcfe"; // \udce9\nint f(int x) { return x ? 1 : 2; }\n', None),
    "line_of_its_own": (
        '# 7 "no such file.y"\nint f(int x) { if (x) return 1; return 2; }\n',
        None,
    ),
    "empty": ("", None),
    "only_data": ("int table[] = { 1, 2, 3 };\n", None),
    "assembly": ('int f(int x) { __asm__ goto ("" : : : : l); l: return x; }\n', None),
    "vectors": (
        "typedef int v4 __attribute__((vector_size(16)));\n"
        "v4 f(v4 a, v4 b) { return a & (a > b); }\nint g(int x) { return x ? 1 : 2; }\n",
        None,
    ),
    "gnu_extensions": (
        "int f(int x) { void *t[] = { &&a, &&b }; goto *t[!!x]; a: return ({ x ?: 3; });\n"
        "b: switch (x) { case 1 ... 9: return 1; } return __builtin_choose_expr(1, x, 2); }\n",
        None,
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_source(project: Project, name: str) -> None:
    """None: it is ours to treat; else a part of the reason why not."""
    text, reason = UNITS[name]
    (project.root / "unit.c").write_bytes(text.encode("utf-8", "surrogateescape"))
    plain = project.run("gcc", "-O1", "-c", "unit.c", "-o", "plain.o")
    assert plain.status == 0
    result = project.cc("-O1", "-c", "unit.c")
    assert (result.status, result.out, result.err) == (0, plain.out, plain.err)
    assert (project.root / "unit.o").exists()
    if reason is None:
        assert project.reasons() == []
    elif reason:
        assert any(reason in row for row in project.reasons())
    treated = project.is_scouted("unit.o")
    assert (
        treated or (project.root / "unit.o").read_bytes() == (project.root / "plain.o").read_bytes()
    )
    assert treated or project.reasons() or name in ("empty", "only_data")


# A compiler that does something to us when we call it, and what the report says then.
ATTACKS = {
    "preprocessing_fails": ("*' -E '*", "echo sorry >&2; exit 1", "preprocessed alone: sorry"),
    "our_text_fails": ("*scout.i*", "echo sorry >&2; exit 1", "does not compile: sorry"),
    "our_compile_is_killed": ("*scout.i*", "kill -KILL $$", "does not compile"),
    "our_pass_is_killed": ("*scout.i*", "kill -KILL $PPID", "our pass was killed, twice"),
    "our_pass_crashes": ("*' -E '*", "kill -SEGV $PPID", "our pass ended by SIGSEGV"),
    "our_object_is_missing": ("*scout.i*", "exit 0", "No such file"),
    "text_is_rubbish": ("*' -E '*", 'eval "f=\\${$#}"; echo "rubb(ish" >"$f"', "libclang"),
    "text_is_missing": ("*' -E '*", "exit 0", "No such file"),
    "our_folder_is_gone": ("*scout.i*", 'rm -rf "$LP_DIR/units"; exec gcc "$@"', "No such file"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("served", [True, False])
def test_our_part_goes_wrong(project: Project, name: str, served: bool) -> None:
    """By lp-wrap's server, or by a process of its own."""
    pattern, action, reason = ATTACKS[name]
    script = project.root / "compiler"
    script.write_text(
        f'#!/bin/sh\ncase " $* " in\n{pattern}) {action} ;;\n*) exec gcc "$@" ;;\nesac\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    words = ["-O2", "-Wall", "-c", "handler.c", "main.c"]
    settings = {"LP_CC": str(script), "LP_DIR": str(project.root / ".lp")}
    if served:
        result = project.wrap("--quiet", "gcc", *words, **settings)
    else:
        result = project.cc(*words, **settings)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert project.run("gcc", "-O2", "-c", "handler.c", "-o", "plain.o").status == 0
    plain = (project.root / "plain.o").read_bytes()
    assert (project.root / "handler.o").read_bytes() == plain
    assert any(reason in row for row in project.reasons()), project.reasons()


def test_disk_that_is_full(project: Project) -> None:
    """Of .lp/, that is: the object lies elsewhere."""
    project.build.path.mkdir()
    for name in ("units", "made", "report.jsonl"):
        (project.build.path / name).symlink_to("/dev/full/x")
    result = project.cc("-O2", "-c", "handler.c")
    assert result.status == 0
    assert "nothing is captured" in result.err
    assert (project.root / "handler.o").exists()


@pytest.mark.parametrize("kind", ["manifest", "sites", "unit"])
def test_damaged_records(project: Project, kind: str) -> None:
    """Of an earlier build: they are written again, or reported."""
    assert project.cc("-O2", "-c", "handler.c").status == 0
    files = {
        "manifest": project.build.manifest,
        "sites": next(project.build.units.glob("*/sites.json")),
        "unit": next(project.build.units.glob("*/unit.json")),
    }
    files[kind].write_text("{ rubbish", encoding="utf-8")
    phase = "specialize" if kind == "manifest" else "scout"
    result = project.cc("-O2", "-c", "handler.c", phase=phase)
    assert (result.status, result.err) == (0, "")
    if kind == "manifest":
        assert project.reasons()
    else:
        assert project.functions("handler.o") == ["twice", "handle"]


def test_archive_that_we_cannot_read(project: Project) -> None:
    """The real linker can, or it says why not."""
    assert project.cc("-O2", "-c", "handler.c", "main.c").status == 0
    assert project.run("ar", "rcsT", "lib.a", "handler.o").status == 0
    shutil.move(project.root / "handler.o", project.root / "moved.o")
    ours = project.cc("main.o", "lib.a", "-o", "program")
    plain = project.run("gcc", "main.o", "lib.a", "-o", "program")
    assert (ours.status, ours.err) == (plain.status, plain.err)


def test_unit_is_in_the_report_once(project: Project, tmp_path: Path) -> None:
    """With file, line, phase, unit and reason, as `lp report` reads them."""
    project.write(nested__c=NESTED, handler__c=HANDLER)
    project.wrap_ok("sh", "-c", "gcc -c nested.c; gcc -c handler.c")
    (row,) = load_report(project.build)
    assert row["file"] == "nested.c"
    assert row["line"] == 1
    assert row["phase"] == "scout"
    assert (project.build.units / row["unit"] / "unit.json").exists()


# A first build whose problem a second one mends: the phases, and what happens in between.
MENDED = {
    "the_source_was_changed": ("scout", "scout", HANDLER),
    "it_was_surveyed_and_then_scouted": ("survey", "scout", NESTED),
    "the_source_was_changed_for_another_phase": ("survey", "capture", HANDLER),
}


@pytest.mark.parametrize("name", MENDED)
def test_problem_that_a_later_build_has_mended(project: Project, name: str) -> None:
    """It is no longer in the report; what still holds is there once."""
    first, second, text = MENDED[name]
    project.write(nested__c=NESTED, other__c=NESTED)
    assert project.cc("-c", "nested.c", "other.c", phase=first).status == 0
    assert [row["file"] for row in load_report(project.build)] == ["nested.c", "other.c"]
    project.write(nested__c=text)
    assert project.cc("-c", "nested.c", phase=second).status == 0
    assert project.cc("-c", "other.c", phase=first).status == 0
    files = [row["file"] for row in load_report(project.build)]
    assert files == (["other.c"] if text == HANDLER else ["nested.c", "other.c"])


def test_problem_of_another_phase_holds(project: Project) -> None:
    """What was not scouted stays so while the text is the same, whoever compiles it next."""
    project.write(nested__c=NESTED)
    assert project.cc("-c", "nested.c").status == 0
    unit = next(iter(project.units().values()))
    renew(project.build, "build", unit.id, [], unit.text)
    assert len(project.reasons()) == 1
    renew(project.build, "build", unit.id, [], "another text")
    assert project.reasons() == []


def test_link_that_a_later_one_has_mended(project: Project) -> None:
    """Ours, that is: the build's own was done both times."""
    script = '#!/bin/sh\ncase "$*" in *-ldl*) [ -e fine ] || exit 1 ;; esac\nexec gcc "$@"\n'
    project.write(compiler=script)
    (project.root / "compiler").chmod(0o755)
    words, settings = ("handler.c", "main.c", "-o", "p"), {"LP_CC": str(project.root / "compiler")}
    assert project.cc(*words, **settings).status == 0
    assert ["can't be linked" in reason for reason in project.reasons()] == [True]
    project.write(fine="")
    assert project.cc(*words, **settings).status == 0
    assert project.reasons() == []


def test_unit_that_ends_libclang_in_lp_build(project: Project) -> None:
    """It stays plain there too."""
    text, _ = UNITS["long_expression"]
    project.write(long__c=f"int handle(int);\nint g(int x) {{ return handle(x); }}\n{text}")
    project.wrap_ok("gcc", "-O1", "handler.c", "main.c", "long.c", "-o", "p")
    assert project.run("./p", "1", "5").out == "12\n"
    assert project.lp("manifest").status == 0
    result = project.lp("build")
    assert result.status == 0, result.err
    assert project.has("p", "lp_elite_text")
    assert project.reasons() == ["our pass ended by SIGSEGV"]


def test_unit_without_text_in_lp_build(project: Project) -> None:
    """It could not be preprocessed alone, so there is its plain object and nothing more."""
    project.write(compiler='#!/bin/sh\ncase "$*" in *-E*other.c*) exit 1 ;; esac\nexec gcc "$@"\n')
    (project.root / "compiler").chmod(0o755)
    project.write(other__c="int other(int x) { return x ? 1 : 2; }\n")
    words = ("gcc", "-O1", "handler.c", "main.c", "other.c", "-o", "p")
    project.wrap_ok(*words, LP_CC=str(project.root / "compiler"))
    assert project.run("./p", "1", "5").out == "12\n"
    assert project.lp("manifest").status == 0
    result = project.lp("build")
    assert result.status == 0, result.err
    assert project.has("p", "lp_elite_text")
