"""Forms of library calls against the library's own functions: the same results, the same memory,
over many random operands and those at the edges of pages."""

from __future__ import annotations

import pytest

from tests.forms.conftest import Programs

AREAS = ("memory", "string", "number", "locks", "system")


@pytest.mark.parametrize("area", AREAS)
def test_forms_do_what_the_library_does(programs: Programs, area: str) -> None:
    """As a thread uses them that can run in the kernel."""
    programs.run(area, "attached")


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
