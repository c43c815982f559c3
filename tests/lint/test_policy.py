# SPDX-License-Identifier: GPL-2.0-only
"""The policy of tests/conftest.py: what is skipped in CI fails, what is slow waits to be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import QUICK

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parent.parent / "conftest.py"

TESTS = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no such thing here")
def test_skipped():
    pass

@pytest.mark.may_skip("an odd machine")
def test_may_skip():
    pytest.skip("it is odd")

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.campaign
def test_campaign():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A small suite under our policy."""
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(TESTS)
    return pytester


def test_skip_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason."""
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=0, skipped=1, deselected=2, errors=1)
    result.stdout.fnmatch_lines(["*not to be skipped in CI: *no such thing here*"])


def test_skip_is_a_skip_elsewhere(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a developer can work without everything."""
    monkeypatch.delenv("CI", raising=False)
    suite.runpytest_subprocess().assert_outcomes(passed=1, skipped=2, deselected=2)


def test_skipped_module_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing module to import is no excuse."""
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile("import pytest\npytest.importorskip('there_is_no_such_module')\n")
    pytester.runpytest_subprocess().assert_outcomes(errors=1)


def test_slow_tests_run_on_request(suite: pytest.Pytester) -> None:
    """By -m."""
    suite.runpytest_subprocess("-m", "slow").assert_outcomes(passed=1, deselected=4)
    suite.runpytest_subprocess("-m", "campaign").assert_outcomes(passed=1, deselected=4)


@pytest.fixture
def halves(pytester: pytest.Pytester) -> pytest.Pytester:
    """Two areas under our policy, of which one is quick."""
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    for area in ("config", "kernel"):
        (tests / area).mkdir()
        (tests / area / f"test_{area}.py").write_text("def test_it(): pass\n", encoding="utf-8")
    return pytester


@pytest.mark.parametrize(("half", "area"), [("quick", "config"), ("rest", "kernel")])
def test_a_half_is_run_alone(halves: pytest.Pytester, half: str, area: str) -> None:
    result = halves.runpytest_subprocess("-v", "tests", f"--half={half}")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines([f"tests/{area}/test_{area}.py::test_it PASSED*"])


def test_without_a_half_all_run_and_their_time_is_told_by_area(halves: pytest.Pytester) -> None:
    result = halves.runpytest_subprocess("tests")
    result.assert_outcomes(passed=2)
    result.stdout.re_match_lines([r"seconds by area: (config|kernel) \d+, (config|kernel) \d+"])


def test_what_is_called_quick_is_there() -> None:
    """Folders and files of tests."""
    assert [name for name in QUICK if not (CONFTEST.parent / name).exists()] == []
