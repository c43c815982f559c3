# SPDX-License-Identifier: GPL-2.0-only
"""lp check: what makes it fail, and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.support import write_run
from tests.wrapper.support import Project, Result

SOURCE = """\
int handle(int x)
{
	if (x > 5)
		return -1;
	if (x > 3)
		return -1;
	if (x > 2)
		return slow(x);
	return x;
}
"""
FIRST = ("server.c:handle:0:true", 4, 1)
SECOND = ("server.c:handle:1:true", 6, 1)
SLOW = ("server.c:handle:2:true", 8, 1)


class Ci:
    """A project with a run's statistics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = Project(folder).write(
            server__c=SOURCE, lp__toml='request = "handle"\nthreshold = 0.9\n'
        )

    def run(self, requests: int = 100, **deopts: tuple[str, int, int]) -> None:
        """A run that left Elite there."""
        write_run(self.folder / "stats.json", requests, **deopts)

    def check(self, *words: str) -> Result:
        """Check it."""
        return self.project.lp("check", "--stats", "stats.json", *words)

    def edit(self, old: str, new: str) -> None:
        """Edit the source."""
        path = self.folder / "server.c"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    """A project whose baseline has the second way out."""
    ci = Ci(tmp_path)
    ci.run(second=SECOND)
    assert ci.check("--update").status == 0
    return ci


def test_same_run_is_well(ci: Ci) -> None:
    """Told in a line."""
    result = ci.check("--baseline", "lp-baseline.json", "--share", "0.95")
    assert (result.status, result.err) == (0, "")
    assert "lp check: ok: 99.00% of 100 requests finished in Elite" in result.out


def test_share_below_the_threshold_fails(ci: Ci) -> None:
    """With both figures."""
    result = ci.check("--share", "0.995")
    assert result.status == 1
    assert "99.00% of the requests finished in Elite, less than 99.50% (99 of 100)" in result.err


def test_threshold_is_that_of_the_configuration(ci: Ci) -> None:
    """Unless --share gives another."""
    ci.run(10, second=(*SECOND[:2], 2))
    result = ci.check()
    assert result.status == 1
    assert "less than 90.00%" in result.err


def test_deopt_at_a_new_line_fails(ci: Ci) -> None:
    """With file, line, function and source."""
    ci.run(second=SECOND, slow=SLOW)
    result = ci.check()
    assert result.status == 1
    wanted = "server.c:8: 1 deopts in handle, at a line that had none: return slow(x);"
    assert wanted in result.err


def test_one_of_lines_that_look_the_same(ci: Ci) -> None:
    """They are told apart."""
    ci.run(first=FIRST)
    result = ci.check()
    assert result.status == 1
    assert "server.c:4: 1 deopts in handle" in result.err


def test_line_that_moved_is_the_same(ci: Ci) -> None:
    """Edits above it, and new conditionals, change its number and its site's name."""
    ci.edit("{\n", "{\n\tif (x > 9)\n\t\tx--;\n\n")
    ci.run(second=("server.c:handle:2:true", 9, 1))
    assert ci.check().status == 0


def test_edited_line_is_new(tmp_path: Path) -> None:
    """Its text is what it is known by."""
    ci = Ci(tmp_path)
    ci.run(slow=SLOW)
    ci.check("--update")
    ci.edit("slow(x)", "slower(x)")
    assert ci.check().status == 1


def test_rare_deopts_can_be_let_pass(ci: Ci) -> None:
    """By how many there are."""
    ci.run(second=SECOND, slow=(*SLOW[:2], 4))
    assert ci.check("--at-least", "5").status == 0
    assert ci.check("--at-least", "4").status == 1


def test_lines_that_are_gone_are_no_failure(ci: Ci) -> None:
    """But told."""
    ci.run()
    result = ci.check()
    assert result.status == 0
    assert "no deopts any more: server.c, handle: return -1;" in result.out


def test_update_takes_what_there_is(ci: Ci) -> None:
    """And nothing is new then."""
    ci.run(second=SECOND, slow=SLOW)
    assert ci.check("--update").status == 0
    assert ci.check().status == 0


def test_update_checks_the_share(ci: Ci) -> None:
    """A baseline is no licence."""
    assert ci.check("--update", "--share", "1").status == 1


def test_without_baseline_only_the_share_counts(tmp_path: Path) -> None:
    """Which is told."""
    ci = Ci(tmp_path)
    ci.run(slow=SLOW)
    result = ci.check()
    assert result.status == 0
    assert "no baseline" in result.out


def test_several_runs_are_added_up(ci: Ci) -> None:
    """One process's shortfall is another's."""
    write_run(ci.folder / "other.json", 300, slow=(*SLOW[:2], 3))
    result = ci.check("other.json", "--json")
    data = json.loads(result.out)
    assert (data["requests"], data["finished"], len(data["new"])) == (400, 396, 1)


def test_json_says_it_all(ci: Ci) -> None:
    """And nothing else is printed to standard output."""
    ci.run(second=SECOND, slow=SLOW)
    result = ci.check("--json")
    assert result.status == 1
    data = json.loads(result.out)
    assert data["ok"] is False
    assert data["share"] == 0.98
    assert data["new"][0]["line"] == 8
    assert data["failures"]


def test_quiet_prints_failures_only(ci: Ci) -> None:
    """To standard error."""
    result = ci.check("--quiet")
    assert (result.status, result.out, result.err) == (0, "", "")
    result = ci.check("--quiet", "--share", "1")
    assert (result.status, result.out) == (1, "")
    assert "less than 100.00%" in result.err


def test_run_with_elite_off_is_an_error(ci: Ci) -> None:
    """Not a share of nothing."""
    write_run(ci.folder / "stats.json", 0, elite="off")
    result = ci.check()
    assert result.status == 1
    assert "Elite was off in this run" in result.err
    assert "LP_ELITE=inprocess" in result.err


def test_run_without_requests_fails(ci: Ci) -> None:
    """A load that did not arrive is no success."""
    ci.run(0)
    result = ci.check("--share", "0")
    assert result.status == 1
    assert "no request came to Elite" in result.err


def test_run_that_was_kept_out_of_the_kernel_says_why(ci: Ci) -> None:
    write_run(ci.folder / "stats.json", 0, elite="kernel", shut_out="no driver")
    result = ci.check("--share", "0")
    assert result.status == 1
    assert "no request came to Elite: 1 thread stayed out of the kernel: no driver" in result.err


def test_missing_baseline_that_was_named(ci: Ci) -> None:
    """With what to do."""
    result = ci.check("--baseline", "nowhere.json")
    assert result.status == 1
    assert "nowhere.json: cannot read the baseline" in result.err
    assert "lp check --update" in result.err


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"version": 99, "deopts": []}'])
def test_damaged_baseline(ci: Ci, text: str) -> None:
    """An error in words."""
    (ci.folder / "lp-baseline.json").write_text(text, encoding="utf-8")
    result = ci.check()
    assert result.status == 1
    assert "lp-baseline.json" in result.err
    assert "Traceback" not in result.err


def test_wrong_share_is_wrong_usage(ci: Ci) -> None:
    """Status 2."""
    assert ci.check("--share", "95").status == 2
