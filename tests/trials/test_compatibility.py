# SPDX-License-Identifier: GPL-2.0-only
"""docs/compatibility.md: what it says of the results that recipes left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.errors import LakePlacidError
from lp_build.trials.compatibility import (
    PAGE,
    Findings,
    Variant,
    main,
    make_page,
    read_findings,
    write_findings,
)

DOCS = Path(__file__).parent.parent.parent / "docs"
FOUND = Findings(
    "kv",
    "1.0",
    "make",
    "its own",
    {
        "plain": Variant(3),
        "specialised": Variant(3, requests=1000, finished=990),
        "forced at all sites": Variant(3, ("get|set",)),
    },
    ("One test depends on timing.",),
)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_findings(write_findings(FOUND, tmp_path)) == FOUND


def test_each_variant_is_a_row_with_its_differences(tmp_path: Path) -> None:
    write_findings(FOUND, tmp_path / "compatibility")
    assert main(["--docs", str(tmp_path)]) == 0
    page = (tmp_path / PAGE).read_text()
    assert "| kv 1.0 | make | its own | plain | 3 | 3 | none |  |" in page
    assert "|  |  |  | specialised | 3 | 3 | none | 990 of 1,000 requests |" in page
    assert "|  |  |  | forced at all sites | 3 | 2 | get\\|set |  |" in page
    assert "## kv\n\n- One test depends on timing." in page


def test_results_of_a_guest_and_of_wide_builds_stand_beside_the_others(tmp_path: Path) -> None:
    guest = replace(FOUND, where="a guest")
    for one in (FOUND, guest, replace(guest, wide=True), replace(guest, kind="jemalloc")):
        write_findings(one, tmp_path / "compatibility")
    page = make_page(tmp_path)
    assert "## kv, with jemalloc, in a guest\n" in page
    assert page.index("## kv\n") < page.index("## kv, in a guest\n")
    assert page.index("## kv, in a guest\n") < page.index("## kv, in a guest, wide\n")


def test_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kv.json"
    path.write_text('{"server": "kv"}')
    with pytest.raises(LakePlacidError, match="no results of a recipe") as raised:
        read_findings(path)
    assert raised.value.file == str(path)


def test_page_is_the_one_of_the_results_that_are_kept() -> None:
    kept = (DOCS / PAGE).read_text()
    assert kept == make_page(DOCS), "run python -m lp_build.trials.compatibility"
