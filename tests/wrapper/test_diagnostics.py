# SPDX-License-Identifier: GPL-2.0-only
"""What a linker says of what we gave it is told in the program's own names."""

from __future__ import annotations

from lp_build.compile.diagnostics import own_names
from tests.wrapper.support import Project


def test_files_and_functions(project: Project) -> None:
    """Units' objects by the build's, archives by their names, functions without a suffix."""
    assert project.cc("-O2", "-c", "handler.c").status == 0
    unit = project.units()["handler.o"]
    lp = project.build.path
    said = (
        f"ld: {lp}/build/elite/units/{unit.id}.o: in function `handle.lp_elite':\n"
        f"ld: {lp}/build/elite/archives/0123abcd/libx.a(x.o): undefined reference to `y'\n"
    )
    assert own_names(project.build, said) == (
        "ld: handler.o: in function `handle':\nld: libx.a(x.o): undefined reference to `y'\n"
    )


def test_source_that_was_compiled_and_linked_at_once(project: Project) -> None:
    """Its object is ours, so the source stands for it."""
    result = project.cc("-O2", "handler.c", "main.c", "-o", "program")
    assert result.status == 0, result.err
    names = {own_names(project.build, unit.object) for unit in project.units().values()}
    assert names == {"handler.c", "main.c"}
