# SPDX-License-Identifier: GPL-2.0-only
"""The thesis's scheme for comparison: what its passes write, and that it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lp_build.bench.thesis import thesis_assembly, thesis_source
from lp_build.bench.thesis_cc import Compile, main, parse_compile
from lp_build.layout import BuildDir
from lp_build.model.verdicts import FunctionVerdicts, Manifest, Verdict
from lp_build.resources import resource_dir
from lp_build.source.parse import parse_unit
from lp_build.source.scout import name_files
from lp_build.source.sites import find_sites

SOURCE = """# 1 "a.c"
int limit = 3; static const char *const names[] = {"no", "yes"};
extern int printf(const char *, ...);
static __thread int mine;
static int check(int n) {
 static int *where = &limit; int size = sizeof(limit);
 mine++;
 if (n < limit) return size;
 if (n == 7) return *where + mine;
 return 0; }
int main(void) { int limit_of = limit;
 printf("%s %d %d\\n", names[1], check(7), check(2)); limit = 9;
 return limit_of + check(8) - 7; }
"""


def manifest(root: Path, cwd: str) -> Manifest:
    unit = parse_unit(SOURCE.encode())
    functions = find_sites(unit, name_files(unit, BuildDir(root), cwd))
    check = next(f.function for f in functions if f.function.name == "check")
    verdicts = FunctionVerdicts(
        *(check.file, check.name, check.digest, check.line, check.static, True),
        conditions={0: Verdict.UNLIKELY},
    )
    return Manifest("check", None, 0.99, 1.0, {check.key: verdicts})


def edited(tmp_path: Path) -> str:
    cwd = str(tmp_path)
    found = thesis_source(
        SOURCE.encode(), cwd=cwd, build=BuildDir(tmp_path), manifest=manifest(tmp_path, cwd)
    )
    assert found.conditionals == 1
    return found.text.decode()


def test_conditionals_with_a_verdict_call_lp_likely(tmp_path: Path) -> None:
    text = edited(tmp_path)
    assert "if (lp_thesis_likely(!!(n < " in text
    assert "if (n == 7)" in text


def test_uses_of_globals_go_through_the_table(tmp_path: Path) -> None:
    text = edited(tmp_path)
    assert "(*(__typeof__(names)*)__lp_thesis_globals[1])[1]" in text
    assert "*where = &limit; int size = sizeof(limit); mine++;" in " ".join(text.split())


def test_each_return_is_checked() -> None:
    lines = thesis_assembly("f:\n\tret\n\trep ret\n\tretf\n").split("\n")
    assert lines.count("\tcall\tlp_thesis_check_return") == 2
    assert lines[1:3] == ["\tcall\tlp_thesis_check_return", "\tret"]


def test_a_compile_command_is_read_without_its_dependency_files() -> None:
    words = "-O2 -MD -MF x.d -MT x.o -c -o x.o dir/x.c".split()
    assert parse_compile(words) == Compile("dir/x.c", "x.o", ("-O2",))
    assert parse_compile(["x.c", "-o", "x"]) is None


def test_the_program_does_what_it_did(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime.o"
    source = resource_dir("c_runtime") / "bench" / "thesis_fallback.S"
    subprocess.run(["gcc", "-c", source, "-o", runtime], check=True)
    (tmp_path / "a.i").write_text(edited(tmp_path), encoding="utf-8")
    assembly = subprocess.run(
        ["gcc", "-O2", "-w", "-S", "a.i", "-o", "-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "a.s").write_text(thesis_assembly(assembly.stdout), encoding="utf-8")
    (tmp_path / "plain.c").write_text(SOURCE, encoding="utf-8")
    subprocess.run(["gcc", "a.s", str(runtime), "-o", "thesis"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-w", "plain.c", "-o", "plain"], cwd=tmp_path, check=True)
    runs = [
        subprocess.run([tmp_path / name], capture_output=True, check=False)
        for name in ("plain", "thesis")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.startswith(b"yes ")
    assert runs[0].returncode == runs[1].returncode


def test_without_a_manifest_it_is_the_real_compiler(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    output = str(tmp_path / "x")
    assert main(["gcc", str(tmp_path), "/nowhere.o", str(tmp_path / "x.c"), "-o", output]) == 0
    assert subprocess.run([output], check=False).returncode == 0
