# SPDX-License-Identifier: GPL-2.0-only
"""`lp check`: in CI, fail when less of a run is Elite than it should be, or when a run leaves Elite
at a line where it did not before."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from lp_build.config import load_config
from lp_build.errors import LakePlacidError
from lp_build.files import write_whole
from lp_build.formats import BASELINE as BASELINE_VERSION
from lp_build.layout import BuildDir, find_build_dir
from lp_build.model.sites import function_of, unversioned
from lp_build.report.source import read_lines
from lp_build.statistics import OFF, DeoptLine, Run, by_line, read_run, sum_runs

BASELINE = "lp-baseline.json"


@dataclass(frozen=True)
class Place:
    """A line where Elite was left, known again though it has moved: by file, function and text.
    Where the file has this text more than once, also by the text above it, and by which one it is
    of those that still look the same. Without the source, `text` is the line's number."""

    file: str
    function: str
    above: str
    text: str
    nth: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What two places are compared by."""
        return (self.file, self.function, self.above, self.text, self.nth)


@dataclass(frozen=True)
class Left:
    """A place with its line now (or when the baseline was written), and the deopts there."""

    place: Place
    line: int
    hits: int


@dataclass(frozen=True)
class Outcome:
    """What a check found. share, threshold: 0 to 1. new: lines without deopts in the baseline.
    gone: lines of the baseline without deopts now. failures: in plain words, none if all is well.
    """

    share: float
    threshold: float
    requests: int
    finished: int
    new: tuple[Left, ...]
    gone: tuple[Left, ...]
    failures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"ok": not self.failures, **asdict(self)}


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lp check", description=__doc__)
    parser.add_argument(
        "--stats",
        action="append",
        nargs="+",
        required=True,
        type=Path,
        metavar="FILE",
        help="what LP_STATS wrote in the run; several are added up",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        help=f"the deopts that are known (default: {BASELINE} beside lp.toml, if it is there)",
    )
    parser.add_argument(
        "--share",
        type=float,
        help="share of requests that must finish in Elite (default: `threshold` in lp.toml)",
    )
    parser.add_argument(
        "--at-least",
        type=int,
        default=1,
        metavar="N",
        help="deopts that make a new line count (default: %(default)s)",
    )
    parser.add_argument(
        "--update", action="store_true", help="write the baseline from this run; check the share"
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument("--quiet", action="store_true", help="print failures only")
    return parser


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.share is not None and not 0 <= arguments.share <= 1:
        parser.error("--share takes a share from 0 to 1")
    return arguments


def main(argv: list[str]) -> int:
    """Check; 0 if all is well, 1 if not. Raises LakePlacidError for what is missing or damaged."""
    arguments = _arguments(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    share = arguments.share
    if share is None:
        share = load_config(build.config).threshold
    total = _run([path for given in arguments.stats for path in given])
    lines = _Lines(build)
    now = [lines.left(row) for row in by_line(total.deopts)]
    path = arguments.baseline or build.root / BASELINE
    if arguments.update:
        _write(path, now, total)
        known = now
    elif arguments.baseline or path.exists():
        known = _read(path)
    else:
        known = None
    outcome = judge(total, now, known, share, arguments.at_least)
    if arguments.json:
        print(json.dumps(outcome.to_json(), indent=2))
    else:
        _say(outcome, path if known is not None else None, arguments.update, arguments.quiet)
    return 1 if outcome.failures else 0


def _run(paths: list[Path]) -> Run:
    """The runs as one. Raises LakePlacidError when Elite was off in one of them: nothing can be
    told from it."""
    runs = [read_run(path) for path in paths]
    for run, path in zip(runs, paths, strict=True):
        if run.elite == OFF:
            raise LakePlacidError(
                "Elite was off in this run",
                file=str(path),
                remedy="set LP_ELITE=inprocess where the specialised program is run",
            )
    return sum_runs(runs, "all runs")


def judge(
    run: Run, now: list[Left], known: list[Left] | None, threshold: float, at_least: int = 1
) -> Outcome:
    """Compare a run with what is demanded. known: the baseline's lines; None: there is none, and
    no line is new."""
    failures = []
    if not run.requests:
        why = run.kept_out or "the run had no load, or another program ran"
        failures.append(f"no request came to Elite: {why}")
    elif run.share < threshold:
        failures.append(
            f"{run.share:.2%} of the requests finished in Elite, less than {threshold:.2%} "
            f"({run.finished:,} of {run.requests:,})"
        )
    before = {left.place.key for left in known or ()}
    after = {left.place.key for left in now}
    new = [
        left
        for left in now
        if known is not None and left.place.key not in before and left.hits >= at_least
    ]
    for left in new:
        place = left.place
        text = f": {place.text}" if place.text != str(left.line) else ""
        failures.append(
            f"{place.file}:{left.line}: {left.hits:,} deopts in {place.function}, at a line that "
            f"had none{text}"
        )
    gone = [left for left in known or () if left.place.key not in after]
    return Outcome(
        run.share,
        threshold,
        run.requests,
        run.finished,
        tuple(new),
        tuple(gone),
        tuple(failures),
    )


class _Lines:
    """Places by the lines that runs name."""

    def __init__(self, build: BuildDir) -> None:
        self._build = build
        self._files: dict[str, list[str]] = {}

    def _text(self, file: str) -> list[str]:
        if file not in self._files:
            try:
                self._files[file] = [line.strip() for line in read_lines(self._build.root / file)]
            except OSError:  # a header of another machine, say: numbers have to do
                self._files[file] = []
        return self._files[file]

    def left(self, row: DeoptLine) -> Left:
        """The place of a line."""
        lines = self._text(row.file)
        # The digest of a version would change with the function; its line is told by its text.
        function = unversioned(function_of(row.names[0])).rpartition(":")[2]
        if not 0 < row.line <= len(lines):
            return Left(Place(row.file, function, "", str(row.line), 0), row.line, row.hits)
        above, text = self._pair(lines, row.line - 1)
        if lines.count(text) == 1:
            return Left(Place(row.file, function, "", text, 0), row.line, row.hits)
        nth = sum(
            self._pair(lines, index) == (above, text)
            for index in range(row.line - 1)
            if lines[index] == text
        )
        return Left(Place(row.file, function, above, text, nth), row.line, row.hits)

    @staticmethod
    def _pair(lines: list[str], index: int) -> tuple[str, str]:
        """A line's text, behind that of the last line above it that has any."""
        above = next((lines[i] for i in range(index - 1, -1, -1) if lines[i]), "")
        return above, lines[index]


# -- the baseline --------------------------------------------------------------------------------


def _write(path: Path, lines: list[Left], run: Run) -> None:
    data = {
        "version": BASELINE_VERSION,
        "comment": "Lines where Elite was left; made by `lp check --update`.",
        "requests": run.requests,
        "share": round(run.share, 6),
        "deopts": [
            {**asdict(left.place), "line": left.line, "hits": left.hits}
            for left in sorted(lines, key=lambda left: left.place.key)
        ],
    }
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise LakePlacidError(
            f"cannot write the baseline: {error.strerror}",
            file=str(path),
            remedy="name another file with --baseline",
        ) from error


def _read(path: Path) -> list[Left]:
    """Read a baseline. Raises LakePlacidError for one that is missing, cut off or of another
    version."""
    remedy = "write it with `lp check --update`, from a run that is as it should be"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != BASELINE_VERSION:
            raise LakePlacidError(
                f"a baseline of version {data['version']!r}, where this tool reads "
                f"{BASELINE_VERSION}",
                file=str(path),
                remedy=remedy,
            )
        return [
            Left(
                Place(row["file"], row["function"], row["above"], row["text"], int(row["nth"])),
                int(row["line"]),
                int(row["hits"]),
            )
            for row in data["deopts"]
        ]
    except OSError as error:
        raise LakePlacidError(
            f"cannot read the baseline: {error.strerror}", file=str(path), remedy=remedy
        ) from error
    except json.JSONDecodeError as error:
        raise LakePlacidError(
            f"not a whole baseline: {error.msg}",
            file=str(path),
            line=error.lineno,
            remedy=remedy,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LakePlacidError(
            f"not a baseline: {error!r}", file=str(path), remedy=remedy
        ) from error


# -- words ---------------------------------------------------------------------------------------


def _say(outcome: Outcome, baseline: Path | None, updated: bool, quiet: bool) -> None:
    """Print what was found: failures to standard error, the rest unless `quiet`."""
    if not quiet:
        console = Console(highlight=False, soft_wrap=True)
        verdict = "[red]failed[/]" if outcome.failures else "[green]ok[/]"
        console.print(
            f"lp check: {verdict}: {outcome.share:.2%} of {outcome.requests:,} requests finished "
            f"in Elite (at least {outcome.threshold:.2%})"
        )
        if updated:
            console.print(f"  baseline written: {escape(str(baseline))}")
        elif baseline is None:
            console.print("  no baseline: write one with --update, and new deopts will be found")
        for left in outcome.gone:
            place = left.place
            console.print(
                f"  [dim]no deopts any more: {escape(place.file)}, {escape(place.function)}: "
                f"{escape(place.text)}[/]"
            )
    for failure in outcome.failures:
        print(f"lp check: {failure}", file=sys.stderr)
    if outcome.new and not quiet:
        print(
            "  remedy: scout that case and run `lp manifest` again, or accept it with --update",
            file=sys.stderr,
        )
