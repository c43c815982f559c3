# SPDX-License-Identifier: GPL-2.0-only
"""What our own code or the assembler can't do costs one function, and is told."""

from __future__ import annotations

import pytest

from lp_build.projection.in_kernel import InKernel
from lp_build.projection.in_process import InProcess
from lp_build.projection.project import Projection, project, without
from lp_build.projection.request import ProjectionRequest

ASM = """
	.text
	.type	f, @function
f:
	.cfi_startproc
	movq	(%rdi), %rax
	ret
	.cfi_endproc
	.size	f, .-f
	.type	g, @function
g:
	.cfi_startproc
	movq	8(%rdi), %rax
	ret
	.cfi_endproc
	.size	g, .-g
"""
REQUEST = ProjectionRequest(
    elite=frozenset({"f", "g"}),
    elite_elsewhere=frozenset(),
    defined=frozenset(),
    markers=(),
    observed={},
    not_elite={},
    request=None,
    stress=False,
    keep_debug=False,
    source_name=lambda file: "x.c",
    kernel=True,
)


def line_of(text: str, label: str) -> int:
    """The line behind `label`, counted from 1."""
    return text.split("\n").index(f"{label}:") + 2


def names(projection: Projection) -> list[str]:
    return [function.name for function in projection.functions]


def test_a_function_that_the_assembler_refuses_is_left_out() -> None:
    whole = project(ASM, REQUEST)
    error = f"unit.lp.s:{line_of(whole.text, 'f.lp_elite')}: Error: no such thing\n"
    smaller = without(REQUEST, whole.text, error)
    assert smaller is not None
    again = project(ASM, smaller)
    assert names(again) == ["g"]
    assert [r.function for r in again.rejected] == ["f"]
    assert again.rejected[0].reason == "the assembler refuses it: no such thing"


def test_a_kernel_form_that_the_assembler_refuses_leaves_at_its_entry() -> None:
    whole = project(ASM, REQUEST)
    error = f"unit.lp.s:{line_of(whole.text, 'g.lp_kernel')}:3: error: no such thing\n"
    smaller = without(REQUEST, whole.text, error)
    assert smaller is not None
    again = project(ASM, smaller)
    assert names(again) == ["f", "g"]
    assert [(r.function, r.reason) for r in again.no_kernel] == [
        ("g", "the assembler refuses it: no such thing")
    ]
    assert "movq\t8(%rdi), %rax" not in again.text[again.text.index("g.lp_kernel:") :]


def test_an_error_in_the_fallback_is_no_functions() -> None:
    whole = project(ASM, REQUEST)
    error = f"unit.lp.s:{line_of(whole.text, 'f')}: Error: no such thing\n"
    assert without(REQUEST, whole.text, error) is None


@pytest.mark.parametrize("kind", [InProcess, InKernel])
def test_a_defect_of_ours_costs_one_function(
    kind: type[InProcess] | type[InKernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kind.finish

    def fails(self: InProcess, body: list[str]) -> list[str]:
        if self.analysis.function.name == "f":
            raise KeyError("surprise")
        return real(self, body)

    monkeypatch.setattr(kind, "finish", fails)
    result = project(ASM, REQUEST)
    told = result.no_kernel if kind is InKernel else result.rejected
    assert [(r.function, r.reason) for r in told] == [("f", "internal error: KeyError('surprise')")]
    assert "g" in names(result)
