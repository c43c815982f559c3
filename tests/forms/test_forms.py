# SPDX-License-Identifier: GPL-2.0-only
"""Forms of library calls against the library's own functions: the same results, the same memory,
over many random operands and those at the edges of pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.compile.runtime import form_flags
from lp_build.projection.assembly import parse_assembly
from lp_build.projection.items import Insn
from lp_build.projection.kernel_rules import problem_of
from lp_build.projection.libcalls import direct_calls, kernel_forms
from tests.forms.conftest import COMPILERS, FORMS, Programs, run

AREAS = ("memory", "string", "number", "print", "network", "locks", "system")


@pytest.mark.parametrize("area", AREAS)
def test_forms_do_what_the_library_does(programs: Programs, area: str) -> None:
    """As a thread uses them that can run in the kernel."""
    programs.run(area, "attached")


# What glibc is told to leave out when it chooses its variants of functions. A processor that lacks
# something has one variant fewer.
_NO_AVX512 = "-AVX512F,-AVX512VL,-AVX512BW"
_NO_AVX2 = f"{_NO_AVX512},-AVX2,-AVX"
VARIANTS = {
    "avx2": _NO_AVX512,
    "sse4": _NO_AVX2,
    "sse2": f"{_NO_AVX2},-SSE4_2,-SSE4_1,-SSSE3,-ERMS,-FSRM,-BMI1,-BMI2",
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("area", ["memory", "string"])
def test_forms_do_what_each_variant_of_the_library_does(
    programs: Programs, area: str, variant: str
) -> None:
    """Only what all of them promise is asked for: of a comparison the sign."""
    tunables = {"GLIBC_TUNABLES": f"glibc.cpu.hwcaps={VARIANTS[variant]}"}
    programs.run(area, "attached", environment=tunables)


@pytest.mark.parametrize("area", AREAS)
def test_forms_know_nothing_of_a_thread_that_has_not_attached(
    programs: Programs, area: str
) -> None:
    """Then what rests on the thread is the library's business."""
    programs.run(area, "new")


@pytest.mark.parametrize("state", ["attached", "new"])
def test_forms_of_the_heap_share_it_with_malloc(programs: Programs, state: str) -> None:
    """Blocks go both ways, in several threads at once."""
    programs.run("heap", state)


@pytest.mark.parametrize("slice_", ["1", "37"])
@pytest.mark.parametrize("area", [*AREAS, "heap"])
def test_kernel_forms_go_on_in_user_space(
    kernel_programs: Programs, area: str, slice_: str
) -> None:
    """A loop's budget runs out again and again, and every other time the form goes on in user
    space, in the middle of what it does. One system call in four is left to user space too."""
    environment = {"LP_ELITE": "inprocess", "LP_HARNESS_SLICE": slice_}
    kernel_programs.run(area, "attached", environment=environment)


@pytest.mark.parametrize("area", [*AREAS, "heap"])
def test_kernel_forms_leave_at_once_without_a_stack(kernel_programs: Programs, area: str) -> None:
    """All forms that call others, that is."""
    environment = {"LP_ELITE": "inprocess", "LP_HARNESS_STACK_IS_FULL": "1"}
    kernel_programs.run(area, "attached", environment=environment)


@pytest.mark.parametrize("area", AREAS)
def test_kernel_forms_know_nothing_of_a_thread_that_has_not_attached(
    kernel_programs: Programs, area: str
) -> None:
    kernel_programs.run(area, "new", environment={"LP_ELITE": "inprocess"})


# Called in user space only: what they do is bound to the process, or to what only its libc knows.
WITHOUT_FORMS = {"__memcpy_avx_unaligned", "pthread_getspecific"}


def test_each_library_call_has_a_form_or_is_known_to_have_none(programs: Programs) -> None:
    """The table of names is read from the sources: it must say what the objects hold."""
    symbols = run("nm", "--defined-only", programs.archives[0]).splitlines()
    defined = {words[2] for words in map(str.split, symbols) if len(words) == 3 and words[1] == "T"}
    forms = {name.removeprefix("lp_form_") for name in defined if name.startswith("lp_form_")}
    assert forms == kernel_forms()
    assert direct_calls() - kernel_forms() == WITHOUT_FORMS


def test_forms_call_the_library_only_where_they_are_named_for_it(
    kernel_programs: Programs,
) -> None:
    """The compiler made up no call (as of memset), which would be a deopt unseen."""
    lines = [line.split() for line in run("nm", kernel_programs.archives[0]).splitlines()]
    missing = {words[1] for words in lines if len(words) == 2 and words[0] in "Uw"}
    library = {name for name in missing if not name.startswith("lp_")}
    assert library - {"_GLOBAL_OFFSET_TABLE_"} <= direct_calls()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_forms_have_no_instruction_that_a_kernel_must_not_run(
    compiler: str, tmp_path: Path
) -> None:
    for path in FORMS:
        asm = tmp_path / "form.s"
        run(compiler, *form_flags(compiler, path.name, heap=True), "-S", path, "-o", asm)
        for function in parse_assembly(asm.read_text("utf-8")).functions.values():
            instructions = [item for item in function.items if isinstance(item, Insn)]
            assert not any(map(problem_of, instructions)), function.name
