# SPDX-License-Identifier: GPL-2.0-only
"""Response files, written and read again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lp_build.compile.response import quote_words, split_words

WORDS = ["plain", "with blank", 'quo"te', "apo'strophe", "back\\slash", "", "tab\there", "\\"]


def test_what_is_quoted_is_read_again() -> None:
    """All awkward words at once."""
    assert split_words(quote_words(WORDS)) == WORDS


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compilers_read_what_we_quote(compiler: str, tmp_path: Path) -> None:
    """A file name of awkward characters reaches the compiler."""
    source = tmp_path / "a \"b\\ 'c.c"
    source.write_text("int x;\n", encoding="utf-8")
    file = tmp_path / "args"
    file.write_text(quote_words(["-fsyntax-only", str(source)]), encoding="utf-8")
    subprocess.run([compiler, f"@{file}"], check=True)
