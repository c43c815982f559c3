# SPDX-License-Identifier: GPL-2.0-only
"""docs/compatibility.md, made from what the recipes of sample_projects found.

Each recipe runs one suite with several builds of one server and writes what came out as
`docs/compatibility/<server>.json` (`Findings`), or `<server>-guest.json` where Elite was in the
kernel of a guest, `<server>-guest-wide.json` for its wide builds there, `<server>-<kind>.json` for
one of several ways to build it. `python -m
lp_build.trials.compatibility` makes the page of all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.resources import resource_dir

PAGE = "compatibility.md"
HEAD = """# Compatibility

<!-- Made by `python -m lp_build.trials.compatibility` of docs/compatibility/*.json: don't edit. -->

Real programs, their sources as published, built with `lp-wrap` and specialised. Each row is one
build of one program under a suite of tests; every test's outcome is compared with the plain
build's. *Forced* means: Elite is left at such sites though nothing calls for it (`LP_FORCE_DEOPT`).
"""
COLUMNS = (
    "program", "build", "suite", "variant", "tests", "as plain", "other than plain", "in Elite"
)  # fmt: skip
NAMED = 8  # differing tests that a row names


@dataclass(frozen=True)
class Variant:
    """One build's run. tests: how many ran; different: names of those whose outcome was not the
    plain build's; requests, finished: begun and finished in Elite by LP_STATS (0: none)."""

    tests: int
    different: tuple[str, ...] = ()
    requests: int = 0
    finished: int = 0


@dataclass(frozen=True)
class Findings:
    """One program's results. build: the commands, in short; suite: whose tests these are;
    variants: by name, in the order of the page; notes: sentences below the table; where: the
    machine, if it is not this one; wide: all builds are specialised for what the tests do; kind:
    of several ways to build the program this one, in a word."""

    server: str
    version: str
    build: str
    suite: str
    variants: Mapping[str, Variant]
    notes: tuple[str, ...] = ()
    where: str = ""
    wide: bool = False
    kind: str = ""

    @property
    def title(self) -> str:
        """What its notes are headed by."""
        words = (self.server, self.kind and f"with {self.kind}", self.place)
        return ", ".join(word for word in words if word)

    @property
    def place(self) -> str:
        """Where and what it was, in words; empty: on this machine."""
        words = f"in {self.where}" if self.where else ""
        return f"{words}, wide" if self.wide else words


def write_findings(findings: Findings, folder: Path) -> Path:
    """Write one program's results to `folder`; return the file."""
    marks = (findings.kind, findings.where and "guest", "wide" if findings.wide else "")
    path = folder / f"{'-'.join([findings.server, *filter(None, marks)])}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(findings), indent=1) + "\n", encoding="utf-8")
    return path


def read_findings(path: Path) -> Findings:
    """Read what `write_findings` wrote. Raises LakePlacidError when it is something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        variants = {
            name: Variant(**{**found, "different": tuple(found["different"])})
            for name, found in data.pop("variants").items()
        }
        notes = tuple(data.pop("notes"))
        return Findings(**data, variants=variants, notes=notes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakePlacidError(
            f"these are no results of a recipe: {error}",
            file=str(path),
            remedy="run the recipe again, or delete the file",
        ) from error


def render(found: Sequence[Findings]) -> str:
    """The page, as Markdown."""
    lines = [HEAD, _row(COLUMNS), _row(["---"] * len(COLUMNS))]
    for one in found:
        suite = f"{one.suite}; {one.place}" if one.place else one.suite
        first = [f"{one.server} {one.version}", one.build, suite]
        for name, variant in one.variants.items():
            lines.append(_row([*first, name, *_cells(variant)]))
            first = ["", "", ""]
    for one in found:
        if one.notes:
            lines += ["", f"## {one.title}", "", *[f"- {note}" for note in one.notes]]
    return "\n".join(lines) + "\n"


def _cells(variant: Variant) -> list[str]:
    named = ", ".join(variant.different[:NAMED])
    more = len(variant.different) - NAMED
    share = ""
    if variant.requests:
        share = f"{variant.finished:,} of {variant.requests:,} requests"
    return [
        str(variant.tests),
        str(variant.tests - len(variant.different)),
        (named + (f" and {more} more" if more > 0 else "")) or "none",
        share,
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def make_page(docs: Path) -> str:
    """The page of all results below folder `docs`."""
    found = [read_findings(path) for path in (docs / "compatibility").glob("*.json")]
    return render(sorted(found, key=lambda one: (one.server, one.kind, one.where, one.wide)))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="compatibility", description=__doc__)
    default = resource_dir("sample_projects").parent / "docs"
    parser.add_argument("--docs", type=Path, default=default, help="default: the checkout's")
    docs: Path = parser.parse_args(argv).docs
    try:
        (docs / PAGE).write_text(make_page(docs), encoding="utf-8")
    except LakePlacidError as error:
        print(f"compatibility: {error}", file=sys.stderr)
        return 1
    print(docs / PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
