# SPDX-License-Identifier: GPL-2.0-only
"""`lp init`: propose an lp.toml, from a survey of the program at work."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from lp_build.errors import LakePlacidError
from lp_build.files import write_whole
from lp_build.init.proposal import Proposal, format_toml, propose, with_defaults
from lp_build.init.survey import read_surveys
from lp_build.layout import find_build_dir

_NEXT = (
    "remove what the survey's build made (`make clean`) and build again: `lp-wrap make`",
    "run the program under its load, and end it",
    "lp manifest && lp build",
)


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp init",
        description="Propose lp.toml: which function runs once a request, and which loop calls "
        "it. First build with `lp-wrap make` where there is no lp.toml yet, and run the program "
        "under its load: it surveys itself.",
    )
    parser.add_argument("surveys", nargs="*", type=Path, help="files or folders (.lp/traces)")
    parser.add_argument(
        "--request", metavar="FUNCTION", help="your own choice, as `name` or `file.c:name`"
    )
    parser.add_argument("--force", action="store_true", help="replace an lp.toml that is there")
    parser.add_argument("--show", action="store_true", help="print lp.toml, and write nothing")
    parser.add_argument("-o", "--output", type=Path, help="another file than lp.toml")
    parser.add_argument("--json", action="store_true", help="print the proposal as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    return parser


def main(argv: list[str]) -> int:
    """Make the proposal. Raises LakePlacidError when there is no survey, nothing to propose, or a
    file in the way."""
    arguments = make_parser().parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    path = arguments.output or build.config
    if path.exists() and not arguments.force and not arguments.show:
        raise LakePlacidError(
            "it is there already",
            file=str(path),
            remedy="--force replaces it; --show prints the proposal only",
        )
    survey = read_surveys(arguments.surveys or [build.traces])
    for warning in survey.warnings:
        print(f"lp: warning: {warning}", file=sys.stderr)
    proposal = propose(survey, build, arguments.request)
    text = format_toml(proposal)
    if not arguments.show:
        _write(path, text)
    if arguments.json:
        print(json.dumps(_plain(proposal, None if arguments.show else path), indent=2))
    elif arguments.show:
        print(text, end="")
    elif not arguments.quiet:
        _say(proposal, path)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise LakePlacidError(
            f"cannot write the proposal: {error.strerror}",
            file=str(path),
            remedy="name another file with --output",
        ) from error


def _plain(proposal: Proposal, path: Path | None) -> dict[str, Any]:
    config = with_defaults(proposal)
    return {
        "written": str(path) if path else None,
        "request": config.request,
        "loop": config.loop,
        "stack_count": config.stack_count,
        "unsure": proposal.unsure,
        "messages": vars(proposal.messages),
        "reasons": list(proposal.reasons),
        "candidates": [
            {
                "name": proposal.names[one.function.key],
                "file": one.function.file,
                "line": one.function.line,
                "calls": one.counts.calls,
                "score": round(one.score, 3),
                "why_not": why,
            }
            for one, why in ((proposal.candidate, ""), *proposal.alternatives)
        ],
    }


def _say(proposal: Proposal, path: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    shown = os.path.relpath(path)
    console.print(f"[bold]{escape(str(path) if shown.startswith('..') else shown)}[/]")
    console.print(f"  request: [green]{escape(proposal.request)}[/]")
    if proposal.loop_name:
        console.print(f"  loop:    [green]{escape(proposal.loop_name)}[/]")
    for sentence in proposal.reasons:
        console.print(f"  {escape(sentence)}")
    if proposal.unsure:
        console.print("  [yellow]Nothing fits well: look at the others before you go on.[/]")
    if proposal.alternatives:
        console.print("  [dim]others:[/]")
    for one, why in proposal.alternatives:
        name, place = proposal.names[one.function.key], f"{one.function.file}:{one.function.line}"
        console.print(f"    [dim]{escape(f'{name} ({place}): {why}')}[/]")
    console.print("next:")
    for number, step in enumerate(_NEXT, 1):
        console.print(f"  {number}. {escape(step)}")
