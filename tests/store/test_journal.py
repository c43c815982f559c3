# SPDX-License-Identifier: GPL-2.0-only
"""What a build did, as commands that can be run again with other files."""

from __future__ import annotations

import pytest

from lp_build.store.journal import put_output, put_words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cc a.o -o x", "cc a.o -o new"),
        ("cc a.o -ox", "cc a.o -onew"),
        ("cc a.o", "cc a.o -o new"),
        ("cc -Wl,--dependency-file=x.d a.o", "cc a.o -o new"),
        ("cc -Wl,-O1,--dependency-file=x.d,-s a.o", "cc -Wl,-O1,-s a.o -o new"),
        ("cc -Wl,--dependency-file,x.d,-s a.o", "cc -Wl,-s a.o -o new"),
        ("cc -Xlinker --dependency-file -Xlinker x.d a.o", "cc a.o -o new"),
        ("cc -Xlinker --dependency-file=x.d -Xlinker -s a.o", "cc -Xlinker -s a.o -o new"),
        ("ld --dependency-file x.d a.o -o x", "ld a.o -o new"),
    ],
)
def test_other_output(command: str, expected: str) -> None:
    """And no dependency file that would name it."""
    assert put_output(command.split(), "new") == expected.split()


def test_other_inputs() -> None:
    """By word, by piece of a word, and in place of -l."""
    names = {(1, -1): "A.o", (2, 2): "B.a", (3, -2): "C.a", (5, -1): "D.a"}
    assert put_words("cc a.o -Wl,-x,b.a,-y -l c -ld -o x".split(), names) == (
        "cc A.o -Wl,-x,B.a,-y C.a D.a -o x".split()
    )
