# SPDX-License-Identifier: GPL-2.0-only
"""What holds for all tests: the marks, which tests run by default, and that none is left out
unseen.

* `slow` and `campaign` tests run only when -m asks for them.
* Where CI is set to true, a test or module that is skipped counts as failed, unless it is marked
  `may_skip(reason)`: a machine that lacks something must not look as if all were well.
* `needs_network` tests use the machine's package archives only (apt's, pip's). They are not
  skipped when these cannot be reached, they fail; leave them out with -m "not needs_network".
* `--half=quick` runs what takes seconds, `--half=rest` all else: what builds servers and boots
  kernels. Without it, both run in one. `make test` runs one after the other.
* With `-n`, several run at once: what shares a fixture that takes long (a built server, a booted
  guest) runs in one process, one after the other; whole areas for most, files for the others.
* `needs_qemu` tests are skipped where there is no QEMU, or by whom is not root (in CI: they fail),
  `needs_browser` tests where there is no Chromium with its driver.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from typing import TypeVar

import pytest

MARKS = (
    "slow: takes minutes; run by `make test-long`",
    "campaign: takes hours; run by its own make target",
    "needs_network: uses the package archives that the machine is set up for",
    "needs_qemu: boots a kernel in qemu-system-x86_64",
    "needs_browser: opens pages in headless Chromium, by chromedriver",
    "may_skip(reason): CI accepts that this test is skipped, for this reason",
)
NEEDS = {
    "needs_qemu": ("qemu-system-x86_64",),
    "needs_browser": ("chromium", "chromedriver"),
}
ON_REQUEST = ("slow", "campaign")
# Areas whose files share no fixtures of the session: each file may run beside the others.
BY_FILE = (
    *("compile", "doctor", "kernel", "lint", "manifest", "projection", "scout", "source", "store"),
    *("trials", "wrapper"),
)
# The quick half: areas, and files of others, that neither build a program with lp-wrap nor boot a
# kernel.
QUICK = {
    *("config", "doctor", "kernels", "manifest", "manual", "projection", "source", "store"),
    "trials",
    *("compile/test_invocation.py", "compile/test_response.py"),
    *("documents/test_how_to.py", "forecast/test_count.py", "init/test_candidates.py"),
    *("lint/test_licences.py", "lint/test_policy.py", "lint/test_set_up.py", "lint/test_tree.py"),
    *("memcached/test_suite_results.py", "redis/test_suite_results.py"),
    *("report/test_check.py", "runtime/test_rendering.py", "vm/test_parts.py"),
    "wrapper/test_target.py",
}
# What takes longest in one piece begins first, so that no process ends alone; what comes in many
# pieces fills up.
LONG = (
    "nginx",
    "memcached",
    "redis",
    "kernel",
    "differential",
    "rebuild",
    "demo",
    "runtime",
    "samples",
)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known; setup.cfg makes an unknown one an error. Whoever runs tests in the
    background has signals ignored that some tests send, and what is ignored is inherited. Our
    commands are short: without the bytecode of the one before, each would compile its modules."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            heard = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, heard)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Half of the tests."""
    parser.addoption(
        "--half", choices=("quick", "rest"), help="only the quick tests, or the others"
    )


def _area(nodeid: str) -> str:
    """The folder below tests/ that a test stands in; the file where it stands in none."""
    return nodeid.partition("::")[0].split("/")[-2:][0]


def is_quick(nodeid: str) -> bool:
    """Whether a test belongs to the quick half."""
    file = nodeid.partition("::")[0].partition("/")[2]
    return file.partition("/")[0] in QUICK or file in QUICK


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With `-n`: which tests run in one process, one after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByArea(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0] if _area(nodeid) in BY_FILE else _area(nodeid)

    config.option.loadscopereorder = False
    return ByArea(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what runs on request only, and mark what this machine cannot run."""
    if hasattr(config, "workerinput"):
        areas = {area: number for number, area in enumerate(LONG)}
        items.sort(key=lambda item: areas.get(_area(item.nodeid), len(areas)))
    for mark, programs in NEEDS.items():
        reasons = [f"there is no {name}" for name in programs if not shutil.which(name)]
        if mark == "needs_qemu" and os.geteuid() != 0:
            reasons.append("only root can share folders with a guest")
        for item in items:
            if reasons and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reasons[0]))
    marks = () if config.option.markexpr else ON_REQUEST
    half = config.option.half
    wanted: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        other = half and is_quick(item.nodeid) != (half == "quick")
        asked = not any(item.get_closest_marker(mark) for mark in marks)
        (wanted if asked and not other else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = wanted


def in_ci() -> bool:
    """Whether a test that is skipped counts as failed."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def _without_skip(report: Report) -> Report:
    """In CI, turn a skip into a failure that says why."""
    if report.skipped and in_ci() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: not to be skipped in CI: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test."""
    report = yield
    return report if item.get_closest_marker("may_skip") else _without_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skipped module."""
    return _without_skip((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where the time went: seconds by area."""
    seconds: dict[str, float] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                area = _area(report.nodeid)
                seconds[area] = seconds.get(area, 0.0) + report.duration
    longest = sorted(seconds, key=lambda area: -seconds[area])
    terminalreporter.write_line(
        "seconds by area: " + ", ".join(f"{area} {seconds[area]:.0f}" for area in longest)
    )
