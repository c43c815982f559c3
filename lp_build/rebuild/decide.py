# SPDX-License-Identifier: GPL-2.0-only
"""`lp manifest`: traces to lp-manifest.toml, and the units made by it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lp_build.config import Config, load_config
from lp_build.errors import LakePlacidError
from lp_build.forecast.collect import make_forecast, remember
from lp_build.forecast.model import Forecast
from lp_build.forecast.text import lines_of
from lp_build.layout import BuildDir, find_build_dir
from lp_build.manifest.classes import Merge, Profile, Step, merge_traces, seen_too_little
from lp_build.manifest.manifest import (
    format_manifest,
    is_edited,
    load_manifest,
    manifest_from,
    merge_profile,
)
from lp_build.manifest.traces import ITERATION, REQUEST, Trace, read_traces
from lp_build.model.sites import function_of
from lp_build.rebuild.command import build_units
from lp_build.store.capture import captured_functions
from lp_build.store.journal import load_steps
from lp_build.store.plan import Choice, make_plan

_NEXT = 3  # classes that --explain shows beyond the threshold


def scouted_programs(build: BuildDir, traces: Sequence[Trace]) -> tuple[str, ...]:
    """The programs of this build that the traces' requests came to, by the paths that they were
    linked to; empty where any trace is of a program that is not known."""
    known: dict[str, list[str]] = {}
    for step in load_steps(build):
        if step.build_id:
            name = build.relative(step.output, step.cwd)
            known.setdefault(step.build_id, []).append(name)
    served = [t for t in traces if any(c.kind == REQUEST and c.count for c in t.classes)]
    if any(trace.program not in known for trace in served):
        return ()
    return tuple(sorted({name for trace in served for name in known[trace.program]}))


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp manifest",
        description="Decide from traces what is Elite, write lp-manifest.toml, and say what will "
        "finish in Elite with it. For that the units are compiled, as `lp build` does next, which "
        "then finds them made. A manifest that "
        "was edited by hand is kept beside the new one, as lp-manifest.toml.bak, .bak2 and so on.",
    )
    parser.add_argument("traces", nargs="*", type=Path, help="files or folders (.lp/traces)")
    parser.add_argument("--threshold", type=float, help="share of requests to cover (0 to 1)")
    parser.add_argument("--explain", action="store_true", help="show the classes and their cost")
    parser.add_argument(
        "--no-forecast",
        action="store_true",
        help="compile nothing; `lp build` says what will finish in Elite",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.add_argument("-o", "--output", type=Path, help="where to write the manifest")
    return parser


def main(argv: list[str]) -> int:
    """Make the manifest. Raises LakePlacidError without traces or requests."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    config = load_config(build.config)
    if arguments.threshold is not None:
        if not 0 < arguments.threshold <= 1:
            parser.error("--threshold takes a share above 0 and up to 1")
        config = replace(config, threshold=arguments.threshold)
    places = arguments.traces or [build.traces]
    traces = read_traces(places)
    profile = merge_traces(traces, captured_functions(build))
    too_little = seen_too_little(profile, config.threshold)
    for warning in (*profile.warnings, *filter(None, [too_little])):
        print(f"lp: warning: {warning}", file=sys.stderr)
    if profile.requests() == 0 and any(trace.begun for trace in traces):
        raise LakePlacidError(
            f"no request was seen in the traces: `{config.request}` was called, but never ended "
            "before its process was killed",
            remedy="name a function in lp.toml that ends once the request is done, or end the "
            "program by a signal that it handles",
        )
    merges = merge_profile(profile, config.threshold)
    manifest = manifest_from(profile, config, merges)
    manifest = replace(manifest, programs=scouted_programs(build, traces))
    path = arguments.output or build.manifest
    kept = _write(path, format_manifest(manifest, profile))
    elite = manifest.elite_functions()
    summary = {
        "manifest": str(path),
        "requests": profile.requests(),
        "classes": sum(c.kind == REQUEST for c in profile.classes),
        "classes_hot": len(merges[REQUEST].steps),
        "covered": merges[REQUEST].covered,
        "elite_functions": len(elite),
    }
    if arguments.explain:
        # What --json prints is one object and nothing else.
        explain(profile, merges, to_stderr=arguments.json)
    if not arguments.quiet and not arguments.json:
        print(
            f"{path}: {summary['requests']} requests in {summary['classes']} classes; "
            f"{summary['classes_hot']} chosen, covering {manifest.covered:.2%}; "
            f"{len(elite)} Elite functions{kept}",
            flush=True,
        )
    told = _forecast(build, config, path, profile, places, arguments.no_forecast)
    if arguments.json:
        print(json.dumps({**summary, "forecast": told.to_json()}))
    elif not arguments.quiet:
        print("\n".join(lines_of(told)))
    return 0


def _forecast(
    build: BuildDir,
    config: Config,
    path: Path,
    profile: Profile,
    places: Sequence[Path],
    unwanted: bool,
) -> Forecast:
    """What the manifest at `path`, which is from the traces at `places`, will give."""
    if path.resolve() != build.manifest.resolve():
        return Forecast((), unknown=f"`lp build` goes by {build.manifest}, and not by this one")
    if unwanted:
        remember(build, places, built=False, linked=False)
        return Forecast((), unknown="`lp build` says it")
    try:
        manifest = load_manifest(path)
        plan = make_plan(build, Choice((), manifest.programs, False))
    except LakePlacidError as error:
        return Forecast((), unknown=str(error))
    remember(build, places, built=build_units(build, os.environ), linked=False)
    return make_forecast(build, config, manifest, plan, profile)


def _write(path: Path, text: str) -> str:
    """Put `text` at `path`, at once or not at all; tell what became of the one before. One that a
    person edited stays beside it, under a name that nothing has."""
    kept = ""
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout
            path.write_text(text, encoding="utf-8")
            return kept
        path = path.resolve()
        if path.exists() and is_edited(path.read_text(encoding="utf-8", errors="replace")):
            old = _free_name(path)
            shutil.copy2(path, old)
            kept = f" (the one before was edited and is {old.name})"
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise LakePlacidError(
            f"cannot write the manifest: {error.strerror}",
            file=str(path),
            remedy="make the folder writable, or name another file with -o",
        ) from error
    return kept


def _free_name(path: Path) -> Path:
    number = 1
    while True:
        old = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        if not old.exists():
            return old
        number += 1


def explain(profile: Profile, merges: Mapping[int, Merge], *, to_stderr: bool = False) -> None:
    """Show the classes in the order of the merge, and what the next would cost."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=to_stderr)
    for kind, title in ((REQUEST, "Requests"), (ITERATION, "Iterations of the loop")):
        merge = merges[kind]
        if not merge.total:
            continue
        table = Table(title=f"{title}: {merge.total}, by class of equal paths")
        for name in ("class", "share", "covered", "functions", "bytes added", "what it adds"):
            table.add_column(name, justify="left" if name.startswith("what") else "right")
        for number, step in enumerate(merge.steps, 1):
            table.add_row(*_row(str(number), step, merge.total, profile))
        for step in merge.rest[:_NEXT]:
            table.add_row(*_row("next", step, merge.total, profile), style="dim")
        console.print(table)
        if len(merge.rest) > _NEXT:
            console.print(f"… and {len(merge.rest) - _NEXT} more classes that stay cold")


def _row(name: str, step: Step, total: int, profile: Profile) -> tuple[str, ...]:
    functions = {function_of(arm) for arm in step.chosen.arms}
    return (
        name,
        f"{step.chosen.count / total:.2%}",
        f"{step.covered / total:.2%}",
        str(len(functions)),
        str(step.weight),
        ", ".join(_places(step, profile)),
    )


def _places(step: Step, profile: Profile) -> list[str]:
    """Where the new arms stand, as file:line, some of them."""
    places: set[str] = set()
    for name in step.new:
        function = profile.functions.get(function_of(name))
        if function is None:
            continue
        parts = name.split(":")
        line = function.line
        if len(parts) == 4:
            site = next((s for s in function.sites if s.ordinal == int(parts[2])), None)
            if site is not None:
                line = next((a.line for a in site.arms if a.name == parts[3]), site.line)
        places.add(f"{function.file}:{line}")
    shown = sorted(places)
    return shown[:6] + ([f"… {len(shown) - 6} more"] if len(shown) > 6 else [])
