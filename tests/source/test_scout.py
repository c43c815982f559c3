# SPDX-License-Identifier: GPL-2.0-only
"""What scouting adds besides logging: the table, the prelude, requests and iterations."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.sites import Arm, Call, Function, ScoutTable, Site, UnitSites
from lp_build.source.scout import scout_source

from . import programs

SOURCE = programs.HERE / "cases" / "loop_heads.c"


def scouted(compiler: str, **config: str) -> bytes:
    text = programs.preprocess(compiler, SOURCE, [])
    return scout_source(
        text,
        cwd=str(SOURCE.parent),
        build=BuildDir(SOURCE.parent),
        config=Config(**{"request": "handle", **config}),  # type: ignore[arg-type]
    ).text


@pytest.mark.parametrize("compiler", programs.COMPILERS)
def test_the_unit_keeps_its_name_and_lines(compiler: str, tmp_path: Path) -> None:
    line = SOURCE.read_text().splitlines().index("\t\tint r = handle(i);") + 1
    edited = tmp_path / "edited.i"
    edited.write_bytes(scouted(compiler, loop="main"))
    for text in (SOURCE, edited):
        kind = "c" if text == SOURCE else "cpp-output"
        asm = subprocess.run(
            [compiler, "-g", "-S", "-x", kind, text.name, "-o", "-"],
            cwd=text.parent,
            capture_output=True,
            check=True,
        ).stdout.decode()
        assert '.file\t"loop_heads.c"' in asm
        assert re.search(rf"\.loc\s\d+ {line} ", asm)


@pytest.mark.parametrize("compiler", programs.COMPILERS)
@pytest.mark.parametrize("standard", ["c90", "gnu90", "c99", "gnu17"])
def test_the_prelude_gives_no_warning(compiler: str, standard: str) -> None:
    text = b'# 1 "a.c"\nint f(int x);\nint f(int x) { if (x) return 1; return 2; }\n'
    unit = scout_source(text, cwd="/b", build=BuildDir(Path("/b")), config=Config(request="f"))
    flags = f"-std={standard} -Wall -Wextra -pedantic-errors -Werror -Wmissing-prototypes".split()
    if compiler == "gcc":
        flags += ["-Wredundant-decls", "-Wshadow", "-Wunused-macros"]
    done = subprocess.run(
        [compiler, *flags, "-O2", "-x", "cpp-output", "-c", "-", "-o", "/dev/null"],
        input=unit.text,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_table_names_each_number() -> None:
    table = programs.table_in(scouted("gcc"))
    names = programs.arm_names(table)
    assert sorted(names) == list(range(len(names)))
    assert names[0] == "handle"
    assert "main:3:false" in names.values()


def test_a_table_survives_json() -> None:
    sites = (
        Site(0, "if", 2, 3, (Arm("true", 1, 2), Arm("false", 3, 4))),
        Site(1, "icall", 2, 3, ()),
    )
    function = Function('ä?\\".c', "f", 1, True, "d", 3, sites)
    table = ScoutTable((function,), (0,), ((1, 0),), ((3, 2),))
    assert ScoutTable.from_json(json.loads(json.dumps(table.to_json()))) == table
    calls = (Call("call", 3, "memcpy", "/usr/include/string.h:3:5"), Call("icall", 2, "1"))
    unit = UnitSites((replace(function, calls=calls),))
    assert UnitSites.from_json(json.loads(json.dumps(unit.to_json()))) == unit


def test_one_text_linked_twice_is_no_duplicate(tmp_path: Path) -> None:
    text = b'# 1 "a.c"\nstatic int __attribute__((used)) f(int x) { return x ? 1 : 2; }\n'
    unit = scout_source(text, cwd="/b", build=BuildDir(Path("/b")), config=Config(request="g"))
    objects = [programs.stub_runtime(tmp_path)]
    for name in ("one", "two"):
        objects.append(tmp_path / f"{name}.o")
        subprocess.run(
            ["gcc", "-x", "cpp-output", "-c", "-", "-o", str(objects[-1])],
            input=unit.text,
            check=True,
        )
    main = tmp_path / "main.c"
    main.write_text("int main(void) { return 0; }\n")
    assert programs.compile_and_run("gcc", [], [main, *objects], tmp_path / "program").status == 0


def test_without_functions_the_text_stays() -> None:
    text = b'# 1 "a.c"\nint x = 1 && 1;\n'
    unit = scout_source(text, cwd="/b", build=BuildDir(Path("/b")), config=Config(request="f"))
    assert unit.text == text


def test_iterations_begin_at_outermost_loops_with_braces_or_without() -> None:
    assert scouted("gcc", loop="main").count(b"__lp_scout_iteration(&__lp_scout_loop)") == 5
    assert b"&__lp_scout_loop)" not in scouted("gcc")
