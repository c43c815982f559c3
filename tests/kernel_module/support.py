# SPDX-License-Identifier: GPL-2.0-only
"""A program with a kernel payload, without the rest of the runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lp_build.projection.project import project
from lp_build.projection.request import ProjectionRequest

SOURCE = """
int counter; char table[64];
__attribute__((noinline)) int g(int x) { return table[x] + ++counter; }
int f(long *p, long n)
{
	long sum = 0;

	for (long i = 0; i < n; i++)
		sum += p[i];
	return sum + g(n);
}
int main(void) { long v[] = {1, 2, 3}; return f(v, 3) != 7; }
"""
# What the runtime would define: the names that the text asks for, and its imports.
RUNTIME = """
	.text
	.globl lp_deopt, lp_request_target
lp_deopt:
	ud2
	.data
lp_request_target:
	.quad lp_request_fallback
	.section .tbss, "awT", @nobits
	.globl lp_kernel_limit, lp_kernel_budget
lp_kernel_limit:
	.zero 8
lp_kernel_budget:
	.zero 8
	.macro import name
	.section lp_kernel_text, "", @progbits
	.globl \\name
\\name:
	.byte 0xe9
	.long 0
	.section lp_kernel_imports, "", @progbits
	.quad \\name
9:	.ascii "\\name"
	.zero 32 - (. - 9b)
	.endm
	import lp_k_deopt
	import lp_k_fault
	import lp_k_budget
	.section .note.GNU-stack, "", @progbits
"""
FLAGS = ["-O2", "-g1", "-fno-pic", "-fno-pie", "-mno-red-zone", "-fasynchronous-unwind-tables"]
REQUEST = ProjectionRequest(
    elite=frozenset({"f", "g"}),
    elite_elsewhere=frozenset(),
    defined=frozenset(),
    markers=(),
    observed={},
    not_elite={},
    request="f",
    stress=False,
    keep_debug=False,
    source_name=lambda file: file,
    kernel=True,
)


def program(folder: Path, *link: str, name: str = "app", runtime: str = RUNTIME) -> Path:
    """Compile, project and link it in `folder`; `link`: more options."""
    (folder / "app.c").write_text(SOURCE, encoding="utf-8")
    (folder / "runtime.S").write_text(runtime, encoding="utf-8")
    subprocess.run(["gcc", *FLAGS, "-S", "app.c"], cwd=folder, check=True)
    asm = (folder / "app.s").read_text(encoding="utf-8")
    (folder / "app.lp.s").write_text(project(asm, REQUEST).text, encoding="utf-8")
    command = ["gcc", "-no-pie", "-Wl,--build-id=sha1", "app.lp.s", "runtime.S", *link, "-o", name]
    subprocess.run(command, cwd=folder, check=True)
    return folder / name
