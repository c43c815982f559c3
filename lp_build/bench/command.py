# SPDX-License-Identifier: GPL-2.0-only
"""`lp bench`: the reference's figures, each against a baseline in the same run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lp_build.bench import builds, compiling, dispatch, instructions, kernel, scouting
from lp_build.bench.report import Part, overview, to_json
from lp_build.cache import work_folder
from lp_build.errors import LakePlacidError
from lp_build.resources import resource_dir


@dataclass(frozen=True)
class Setting:
    """How to measure. work: where builds are kept; compiler: the real one; quick: without
    memcached; say: shows progress."""

    work: Path
    compiler: str
    quick: bool
    say: Callable[[str], None]


def _programs(setting: Setting) -> list[builds.Programs]:
    programs = [builds.udp_kv(setting.work, setting.compiler, setting.say)]
    if not setting.quick:
        programs.append(builds.memcached(setting.work, setting.compiler, setting.say))
    return programs


def _instructions(setting: Setting) -> Part:
    return instructions.measure(_programs(setting), setting.say)


def _kernel(setting: Setting) -> Part:
    return kernel.measure(_programs(setting), setting.work, setting.compiler, setting.say)


PARTS: dict[str, Callable[[Setting], Part]] = {
    "dispatch": lambda setting: dispatch.measure(setting.work, setting.compiler),
    "instructions": _instructions,
    "scouting": lambda setting: scouting.measure(setting.work, setting.compiler, setting.say),
    "builds": lambda setting: compiling.measure_make(setting.work, setting.compiler, setting.say),
    "configure": lambda setting: compiling.measure_configure(
        setting.work, setting.compiler, setting.say
    ),
}
ON_REQUEST = {"kernel": _kernel}
ONLY_MEMCACHED = ("scouting", "builds", "configure")


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, no tables")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="NAME", help=f"of: {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--kernel", action="store_true", help="the kernel's figures, in a guest (`lp vm`)"
    )
    parser.add_argument("--quick", action="store_true", help="without memcached")
    return parser


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line of `lp bench`."""
    return make_parser().parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Measure; 0 whether figures are within reach or not. Raises LakePlacidError when something
    could not be measured."""
    options = parse_arguments(argv)
    if not (resource_dir("c_runtime") / "bench").is_dir():
        raise LakePlacidError(
            "the installation lacks its benchmarks",
            file=str(resource_dir("c_runtime")),
            remedy="run `make bench` in a checkout of LakePlacid",
        )
    progress = Console(stderr=True, highlight=False, quiet=options.quiet)
    setting = Setting(
        work=work_folder(os.environ, Path.cwd()),
        compiler=os.environ.get("LP_CC", "cc"),
        quick=options.quick,
        say=lambda text: progress.print(text, markup=False),
    )
    parts: list[Part] = []
    left_out = ONLY_MEMCACHED if options.quick else ()
    wanted = options.only or [name for name in PARTS if name not in left_out]
    if options.kernel:
        # Beside the kernel's dispatch in instructions, that in one process in nanoseconds.
        wanted = [*(options.only or ("dispatch",)), "kernel"]
    for name in wanted:
        setting.say(f"lp bench: {name}")
        parts.append({**PARTS, **ON_REQUEST}[name](setting))
    if options.json:
        print(json.dumps(to_json(parts), indent=2))
    else:
        _print_tables(parts, Console(highlight=False))
    return 0


def _print_tables(parts: Sequence[Part], console: Console) -> None:
    for part in parts:
        for table in part.tables:
            console.print(table)
    console.print(overview(parts))
    console.print()
    for part in parts:
        for note in part.notes:
            console.print(f"* {note}", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
