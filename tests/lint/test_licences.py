# SPDX-License-Identifier: GPL-2.0-only
"""Each source file says its licence, the one of its folder, and the texts are there."""

from __future__ import annotations

import pytest

from tests.lint.licences import comments_of, licence_of
from tests.lint.tree import ROOT, text_of, tree_files


def test_each_source_file_says_the_licence_of_its_folder() -> None:
    """In its first line, or the second behind an interpreter's."""
    wrong = []
    for path in tree_files():
        name = str(path.relative_to(ROOT))
        comments, text = comments_of(name), text_of(path)
        if comments and text:
            lines = text.splitlines()
            first = lines[1] if lines[0].startswith("#!") else lines[0]
            if first not in [comment.format(licence_of(name)) for comment in comments]:
                wrong.append(f"{name}: {first}")
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("lp_build/cli.py", "GPL-2.0-only"),
        ("c_runtime/deopt/deopt.c", "GPL-2.0-only WITH GCC-exception-2.0"),
        ("templates/ring_buffer.c.j2", "GPL-2.0-only WITH GCC-exception-2.0"),
        ("templates/module_glue.c.j2", "GPL-2.0-only"),
        ("kernel/session.c", "GPL-2.0-only"),
        ("kernel/uapi/lakeplacid.h", "GPL-2.0-only WITH Linux-syscall-note"),
    ],
)
def test_what_gets_into_programs_has_an_exception(name: str, licence: str) -> None:
    assert comments_of(name)
    assert licence_of(name) == licence


@pytest.mark.parametrize("name", ["tests/source/cases/duff.c", "lp_build/completion/bash/lp"])
def test_what_is_data_or_made_says_none(name: str) -> None:
    assert comments_of(name) == ()


def test_the_texts_are_there() -> None:
    """The GPL to the letter of its version, and the exception."""
    text = (ROOT / "COPYING").read_text(encoding="utf-8")
    assert text.lstrip().startswith("GNU GENERAL PUBLIC LICENSE\n                       Version 2,")
    exception = (ROOT / "COPYING.RUNTIME").read_text(encoding="utf-8")
    assert "SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0" in exception
