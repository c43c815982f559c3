# SPDX-License-Identifier: GPL-2.0-only
"""`lp report`: one HTML file of what is Elite, what is not and why, and where runs left it."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from lp_build.errors import LakePlacidError
from lp_build.files import write_whole
from lp_build.forecast.text import lines_of
from lp_build.layout import find_build_dir
from lp_build.report.gather import gather
from lp_build.report.html import render_report
from lp_build.report.model import ELITE_STATES, Report
from lp_build.statistics import by_line, read_run

OUTPUT = "lp-report.html"


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lp report", description=__doc__)
    parser.add_argument(
        "--stats",
        action="append",
        nargs="+",
        default=[],
        type=Path,
        metavar="FILE",
        help="what LP_STATS wrote in a run; several may be given",
    )
    parser.add_argument("traces", nargs="*", type=Path, help="files or folders (.lp/traces)")
    parser.add_argument(
        "-o", "--output", type=Path, help=f"where to write it (default: {OUTPUT} beside lp.toml)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    return parser


def main(argv: list[str]) -> int:
    """Write the report; the exit status. Raises LakePlacidError when there is nothing to report,
    and for anything that is missing or damaged."""
    arguments = make_parser().parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    runs = [read_run(path) for given in arguments.stats for path in given]
    report = gather(build, arguments.traces, runs)
    path = arguments.output or build.root / OUTPUT
    try:
        write_whole(path, render_report(report, build.root).encode())
    except OSError as error:
        raise LakePlacidError(
            f"cannot write the report: {error.strerror}",
            file=str(path),
            remedy="name another file with --output",
        ) from error
    if arguments.json:
        print(json.dumps(summary(report, path), indent=2))
    elif not arguments.quiet:
        # rich honours NO_COLOR, and is plain where nobody looks.
        console = Console(highlight=False, soft_wrap=True)
        for line in _lines(report, path):
            console.print(line)
    return 0


def summary(report: Report, path: Path) -> dict[str, Any]:
    """The report in short, as plain data."""
    total = report.total
    return {
        "report": str(path),
        "stages": {stage.name: stage.done for stage in report.stages},
        "requests_traced": report.classes[0].total if report.classes else 0,
        "covered": report.covered,
        "forecast": report.forecast.to_json(),
        "functions": len(report.functions),
        "elite": [
            {
                "name": f.name,
                "file": f.file,
                "line": f.line,
                "bytes": f.code.elite if f.code else 0,
                "instructions": f.code.instructions if f.code else 0,
                "deopts": f.hits,
            }
            for f in report.elite
        ],
        "inlined": [f.key for f in report.functions if f.state == "inlined"],
        "not_elite": [
            {"name": f.key, "state": f.state, "reason": f.reason}
            for f in report.functions
            if f.state not in ELITE_STATES
        ],
        "notes": [vars(note) for note in report.notes],
        "runs": [
            {"file": r.label, "requests": r.requests, "finished": r.finished, "share": r.share}
            for r in report.runs
        ],
        "share": total.share if total else None,
        "deopts": [
            {
                "file": d.file,
                "line": d.line,
                "hits": d.hits,
                "sites": [report.behind(name, d.file, d.line) for name in d.names],
            }
            for d in by_line(total.deopts if total else ())
        ],
    }


def _lines(report: Report, path: Path) -> list[str]:
    """What is printed: the file, and the figures that matter."""
    shown = os.path.relpath(path)
    lines = [f"[bold]{path if shown.startswith('..') else shown}[/]"]
    if report.total:
        share, requests = report.total.share, report.total.requests
        places = len(by_line(report.total.deopts))
        lines.append(
            f"  [green]{share:.2%}[/] of {requests:,} requests finished in Elite; "
            f"left at {places} lines"
        )
    else:
        lines += [f"  {escape(line)}" for line in lines_of(report.forecast)]
    coming = [stage for stage in report.stages if not stage.done]
    if coming:
        lines.append(f"  [dim]next: {coming[0].command}[/]")
    return lines
