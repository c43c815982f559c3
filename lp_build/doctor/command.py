# SPDX-License-Identifier: GPL-2.0-only
"""`lp doctor`: what this machine lacks for each feature, and the command that installs it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from lp_build.doctor.features import MISSING, OK, Feature, examine, remedies
from lp_build.doctor.machine import Machine
from lp_build.licences import LAKEPLACID, RUNTIME

_MARKS = {OK: "[green]✓[/]", MISSING: "[red]✗[/]"}


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp doctor",
        description="Say what this machine lacks for each feature, and what installs it. The exit "
        "status is 0 when wrapping, scouting and specialising work, else 1.",
    )
    parser.add_argument(
        "feature", nargs="*", help="look at these only, and fail when one of them lacks anything"
    )
    parser.add_argument("--verbose", action="store_true", help="also what is there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="print what is wrong only")
    return parser


def main(argv: list[str], machine: Machine | None = None) -> int:
    """Look at the machine; 0 when what was asked for works (by default: the basics), else 1."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    features = examine(machine or Machine())
    names = [feature.name for feature in features]
    for wanted in arguments.feature:
        if wanted not in names:
            parser.error(f"no feature `{wanted}`: there are {', '.join(names)}")
    chosen = [f for f in features if not arguments.feature or f.name in arguments.feature]
    needed = chosen if arguments.feature else [f for f in chosen if f.basic]
    works = all(feature.works for feature in needed)
    if arguments.json:
        print(json.dumps(_plain(chosen, works), indent=2))
    else:
        _show(chosen, needed, arguments.verbose, arguments.quiet)
    return 0 if works else 1


def _plain(features: Sequence[Feature], works: bool) -> dict[str, object]:
    return {
        "ok": works,
        "licences": {"lakeplacid": LAKEPLACID, "runtime": RUNTIME},
        "features": [
            {**asdict(feature), "works": feature.works, "remedies": feature.remedies}
            for feature in features
        ],
    }


def _show(
    features: Sequence[Feature], needed: Sequence[Feature], verbose: bool, quiet: bool
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(feature.name) for feature in features)
    for feature in features:
        if quiet and (feature.works or feature not in needed):
            continue
        mark = _MARKS[OK] if feature.works else _MARKS[MISSING]
        console.print(f"{mark} [bold]{feature.name:<{width}}[/]  {escape(feature.what)}")
        for need in feature.needs:
            if need.state != OK or verbose:
                mark = _MARKS.get(need.state, "[yellow]·[/]")
                detail = f": {need.detail}" if need.detail else ""
                console.print(f"    {mark} {escape(need.name + detail)}")
        for remedy in feature.remedies:
            console.print(f"      [cyan]{escape(remedy)}[/]")
    lacking = [need for f in needed for need in f.needs if need.state == MISSING]
    if lacking:
        todo = "; ".join(remedies(lacking))
        console.print(f"\n[red]Not ready.[/] First: [cyan]{escape(todo)}[/]")
    elif not quiet:
        console.print("\n[green]Ready[/]: `lp-wrap make` builds your server.")
    if not quiet:
        console.print(
            f"Licence: {LAKEPLACID}; the runtime, which gets into your program, is {RUNTIME}, and "
            "asks nothing of that (COPYING.RUNTIME)."
        )
