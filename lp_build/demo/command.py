# SPDX-License-Identifier: GPL-2.0-only
"""`lp demo`: build a small server, scout it, specialise it, run it, and show what that gave.

All is done by the commands that a user would type, and each is shown. The demo's folder keeps what
was built, so that a second run takes seconds.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lp_build.cache import work_folder
from lp_build.demo.load import KEYS, LoadResult, Mix, run_load
from lp_build.demo.server import start
from lp_build.errors import LakePlacidError
from lp_build.kernels.versions import DEFAULT, LISTED
from lp_build.resources import resource_dir
from lp_build.statistics import Run, read_run
from lp_build.steps import run_step, tool

PROGRAM = "udp_kv"
ELITE = "elite"  # folder of the specialised program
KEPT = ("LP_CC", "LP_CACHE")  # of the user's settings
SOURCES = ("*.c", "*.h", "Makefile", "lp.toml")
# Another mix than scouting sees, with more that leaves the hot path.
MEASURED_MIX = Mix(hit=0.90, miss=0.02, set=0.04, delete=0.01, incr=0.02, stats=0.002, broken=0.008)


@dataclass(frozen=True)
class Outcome:
    """What one run of the server showed. where: in one process, or in which kernel; counters: the
    driver's, for the latter; seconds for the whole demo up to then."""

    where: str
    load: LoadResult
    statistics: Run
    seconds: float
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted_once(self) -> bool:
        """Whether the server counted each request exactly once, and all else as it should."""
        return self.load.server == self.load.expected

    @property
    def finished_share(self) -> float:
        """Share of the requests sent that finished in Elite."""
        return self.statistics.finished / self.load.sent

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "requests": self.load.sent,
            "server_requests": int(self.load.server["requests"]),
            "counted_once": self.counted_once,
            "elite_requests": self.statistics.requests,
            "finished": self.statistics.finished,
            "finished_share": self.finished_share,
            "deopts": [
                {"where": deopt.where, "site": deopt.name, "count": deopt.hits}
                for deopt in self.statistics.deopts
            ],
            "elite_text": self.statistics.elite_text,
            "text": self.statistics.text,
            "requests_per_second": self.load.sent / self.load.seconds,
            "seconds": self.seconds,
            "where": self.where,
            "driver": dict(self.counters),
        }


class Show:
    """Progress for people, on standard error; silent when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)

    @contextmanager
    def step(self, what: str, command: str) -> Iterator[None]:
        """Say what is done and by which command; at the end, how long it took."""
        self.console.print(f"[bold]{what}[/]  [dim]$ {command}[/]", soft_wrap=True)
        began = time.monotonic()
        yield
        self.console.print(f"  [green]done[/] in {time.monotonic() - began:.1f} s")

    @contextmanager
    def load(self, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of requests; give it the number answered."""
        columns = (
            TextColumn("  requests"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, disable=self.console.quiet) as progress:
            task = progress.add_task("requests", total=total)
            yield lambda count: progress.update(task, advance=count)


def copy_sources(source: Path, target: Path) -> None:
    """Copy what the server is made of; a file that is already the same keeps its time, so that
    `make` does no more than it has to."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in SOURCES:
        for path in sorted(source.glob(pattern)):
            copy = target / path.name
            if not copy.is_file() or not filecmp.cmp(path, copy, shallow=False):
                shutil.copyfile(path, copy)


def clean_environment() -> dict[str, str]:
    """Our environment without settings that would make the tools do other than the demo says."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LP_") or name in KEPT
    }


def drive(
    program: Path, environment: Mapping[str, str], show: Show, requests: int, mix: Mix, seed: int
) -> LoadResult:
    """Start the server, put it under load, and end it."""
    with (
        start(program, {**clean_environment(), **environment}) as server,
        show.load(requests + KEYS) as progress,
    ):
        return run_load(server.port, requests, mix=mix, seed=seed, progress=progress)


def run_demo(folder: Path, show: Show, requests: int, seed: int) -> Outcome:
    """All steps, in `folder`. Raises LakePlacidError when one fails."""
    began = time.monotonic()
    program = folder / PROGRAM
    environment = clean_environment()
    copy_sources(resource_dir("sample_projects") / PROGRAM, folder)

    with show.step("Build a scouting server", "lp-wrap --phase scout make"):
        run_step([tool("lp-wrap"), "--phase", "scout", "make"], folder, environment)
    with show.step("Scout: a mixed load, mostly GET", f"./{PROGRAM}"):
        shutil.rmtree(folder / ".lp" / "traces", ignore_errors=True)
        drive(program, {}, show, requests, Mix(), seed)
    with show.step("Decide from the traces what is hot", "lp manifest"):
        run_step([tool("lp"), "manifest"], folder, environment)
    # Beside the scouting server, not in its place: the next run has both up to date.
    with show.step("Build the specialised server", f"lp build --output {ELITE}"):
        run_step([tool("lp"), "build", "--output", ELITE], folder, environment)
    statistics = folder / "stats.json"
    statistics.unlink(missing_ok=True)
    with show.step(
        "Run it under another load", f"LP_ELITE=inprocess LP_STATS=stats.json {ELITE}/{PROGRAM}"
    ):
        elite = {"LP_ELITE": "inprocess", "LP_STATS": str(statistics)}
        load = drive(folder / ELITE / PROGRAM, elite, show, requests, MEASURED_MIX, seed + 1)
    return Outcome("in one process", load, read_run(statistics), time.monotonic() - began)


def why_no_kernel() -> str:
    """Why the demo can't be run in a guest here ("" if it can)."""
    if os.geteuid() != 0:
        return "it needs root, to share this machine's files with a guest: sudo make demo"
    if shutil.which("qemu-system-x86_64") is None:
        return "there is no QEMU here: apt-get install qemu-system-x86"
    return ""


def run_kernel_demo(folder: Path, show: Show, series: str, seed: int) -> Outcome:
    """The same program, its Elite code in a guest's kernel, after run_demo."""
    from lp_build.demo.kernel import run_in_guest

    began = time.monotonic()
    environment = clean_environment()
    with show.step("Build its kernel module", f"lp build --kernel {series} --output {ELITE}"):
        command = [tool("lp"), "build", "--kernel", series, "--output", ELITE]
        run_step(command, folder, environment)
    command_line = f"LP_ELITE=kernel {ELITE}/{PROGRAM}"
    with show.step("Run it in the kernel, in a guest", f"lp vm --kernel {series} {command_line}"):
        run = run_in_guest(folder, folder / ELITE / PROGRAM, series, MEASURED_MIX, seed + 1)
    return Outcome(
        f"in kernel {run.release}",
        run.load,
        read_run(run.statistics),
        time.monotonic() - began,
        run.counters,
    )


def print_outcome(outcome: Outcome, console: Console) -> None:
    """The tables."""
    load, statistics = outcome.load, outcome.statistics
    table = Table(title=f"\nudp_kv, specialised, {outcome.where}", title_justify="left", box=None)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("requests sent", f"{load.sent:,}", f"{load.sent / load.seconds:,.0f} per second")
    counted = int(load.server["requests"])
    verdict = (
        "[green]equal: each was counted exactly once[/]"
        if outcome.counted_once
        else "[red]NOT EQUAL: something ran twice or was lost[/]"
    )
    table.add_row("requests that the server counted", f"{counted:,}", verdict)
    table.add_row("begun in Elite", f"{statistics.requests:,}")
    table.add_row("finished in Elite", f"{statistics.finished:,}", f"{outcome.finished_share:.2%}")
    table.add_row(
        "finished in the Fallback",
        f"{load.sent - statistics.finished:,}",
        f"{1 - outcome.finished_share:.2%}",
    )
    for name, count in outcome.counters.items():
        if name in ("runs", "deopts", "system_calls"):
            table.add_row(f"driver: {name.replace('_', ' ')}", f"{count:,}")
    share = f"{statistics.elite_text / statistics.text:.1%} of it" if statistics.text else ""
    table.add_row("bytes of text", f"{statistics.text:,}")
    table.add_row("bytes of Elite text", f"{statistics.elite_text:,}", share)
    console.print(table)

    deopts = Table(title="\nWhere requests left Elite", title_justify="left", box=None)
    deopts.add_column("source line", style="bold")
    deopts.add_column("deopts", justify="right")
    deopts.add_column("share", justify="right")
    deopts.add_column("site", style="dim")
    total = sum(deopt.hits for deopt in statistics.deopts)
    for deopt in statistics.deopts:
        deopts.add_row(
            deopt.where, f"{deopt.hits:,}", f"{deopt.hits / total:.1%}", escape(deopt.name)
        )
    console.print(deopts)


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lp demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--dir", type=Path, help="work folder (default: demo in $LP_CACHE, else .cache/demo)"
    )
    parser.add_argument("--requests", type=int, default=30000, help="in each of the two loads")
    parser.add_argument("--seed", type=int, default=1, help="of the loads")
    parser.add_argument(
        "--kernel",
        metavar="VERSION",
        help=f"in the end, run it in the kernel of a guest too: Debian's {LISTED}, or `auto` "
        f"({DEFAULT} where there is QEMU and root, and a note where not)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line of `lp demo`."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.requests < 1:
        parser.error("--requests must be at least 1")
    return options


def main(argv: Sequence[str]) -> int:
    """Run the demo; return 0, or 1 when a step failed or the server's counters are not as they
    should be."""
    options = parse_arguments(argv)
    folder = options.dir or work_folder(os.environ, Path.cwd()) / "demo"
    show = Show(options.quiet)
    try:
        outcomes = [run_demo(folder.absolute(), show, options.requests, options.seed)]
        if not options.json:
            print_outcome(outcomes[0], Console(highlight=False))
        if options.kernel == "auto" and why_no_kernel():
            print(f"\nlp demo: not in the kernel: {why_no_kernel()}", file=sys.stderr)
        elif options.kernel:
            series = DEFAULT if options.kernel == "auto" else options.kernel
            outcomes.append(run_kernel_demo(folder.absolute(), show, series, options.seed))
            if not options.json:
                print_outcome(outcomes[1], Console(highlight=False))
    except LakePlacidError as error:
        print(f"lp demo: {error}", file=sys.stderr)
        return 1
    if options.json:
        report = outcomes[0].to_json()
        if len(outcomes) > 1:
            report["kernel"] = outcomes[1].to_json()
        print(json.dumps(report, indent=2))
    for outcome in outcomes:
        if not outcome.counted_once:
            print(
                f"lp demo: {outcome.where}, the server counted {outcome.load.server}, "
                f"it should have counted {outcome.load.expected}",
                file=sys.stderr,
            )
    return 0 if all(outcome.counted_once for outcome in outcomes) else 1
