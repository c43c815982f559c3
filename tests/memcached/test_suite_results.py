# SPDX-License-Identifier: GPL-2.0-only
"""What the recipe makes of prove's output, and how it compares two runs of memcached's suite."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import suite

from lp_build.errors import LakePlacidError

GOOD = """t/getset.t ..
1..3
ok 1 - stored foo
# a comment
ok 2 - foo == 'fooval'
ok 3 # skip not today
ok
All tests successful.
"""


def test_each_result_is_counted() -> None:
    result = suite.parse("t/getset.t", GOOD, 0)
    assert result.outcome == ("ok", 3, ())


def test_failed_tests_are_named_by_number() -> None:
    result = suite.parse("t/a.t", "1..3\nok 1\nnot ok 2 - no\nnot ok 3 # TODO later\n", 1)
    assert result.outcome == ("failed", 3, (2,))
    assert "not ok 2" in result.note


def test_file_that_dies_is_failed_though_no_test_did() -> None:
    assert suite.parse("t/a.t", "1..3\nok 1\n", 255).outcome == ("failed", 1, ())


def test_skipped_file_tells_why() -> None:
    result = suite.parse("t/ssl.t", "1..0 # SKIP SSL testing is not enabled\nskipped:\n", 0)
    assert (result.status, result.note) == ("skipped", "SSL testing is not enabled")


def test_differences_name_the_files_that_came_out_otherwise() -> None:
    plain = {
        "a": suite.FileResult("a", "ok", 3),
        "b": suite.FileResult("b", "failed", 3, (2,)),
        "c": suite.FileResult("c", "ok", 5, seconds=1),
    }
    other = {
        "a": suite.FileResult("a", "ok", 2),
        "b": suite.FileResult("b", "failed", 3, (2,)),
        "c": suite.FileResult("c", "ok", 5, seconds=9),
    }
    assert suite.differences(plain, other) == [(plain["a"], other["a"])]


def test_number_of_tests_that_depends_on_timing_is_no_difference() -> None:
    name = suite.VARYING[0]
    plain, other = suite.FileResult(name, "ok", 100), suite.FileResult(name, "ok", 98)
    assert suite.differences({name: plain}, {name: other}) == []


def test_runs_of_other_files_are_not_compared() -> None:
    with pytest.raises(LakePlacidError, match="not the same files"):
        suite.differences({"a": suite.FileResult("a", "ok")}, {})


def test_file_that_fails_once_is_run_again(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "once.t").write_text(
        'if (-e "seen") { print "1..1\\nok 1\\n" } '
        'else { open(my $f, ">", "seen"); print "1..1\\nnot ok 1\\n"; exit 1 }'
    )
    (result,) = suite.run_suite(tmp_path, ["t/once.t"], os.environ).values()
    assert (result.status, result.attempts) == ("ok", 2)


@pytest.mark.parametrize(("limit", "passed"), [(None, "600"), (1799, "1799")])
def test_servers_may_be_given_more_time(tmp_path: Path, limit: int | None, passed: str) -> None:
    sources = tmp_path / "sources"
    (sources / "t").mkdir(parents=True)
    timedrun = sources / "timedrun"
    timedrun.write_text('#!/bin/sh\necho "$$" "$@"\n')
    timedrun.chmod(0o755)
    bench = suite.bench_folder(tmp_path / "bench", sources, timedrun, timedrun, limit)
    arguments = [bench / "timedrun", "600", "server", "-m 2"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as run:
        out, _ = run.communicate()
    assert out == f"{run.pid} {passed} server -m 2\n"
