# SPDX-License-Identifier: GPL-2.0-only
"""`lp build`: the specialised program again, by SCons, only what changed, in parallel."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lp_build.compile.environment import check_launcher, without_shims
from lp_build.compile.link import is_elite
from lp_build.compile.specialize import description
from lp_build.config import Config, load_config
from lp_build.errors import LakePlacidError
from lp_build.files import locked
from lp_build.forecast.collect import make_forecast, profile_of, remember, remembered_traces
from lp_build.forecast.model import Forecast
from lp_build.forecast.text import lines_of
from lp_build.kernels.versions import LISTED
from lp_build.layout import BuildDir, find_build_dir
from lp_build.manifest.agreement import check_agreement
from lp_build.manifest.manifest import check_sites, load_manifest
from lp_build.model.sites import Function
from lp_build.model.verdicts import Manifest
from lp_build.rebuild.frames import Deep, deep_requests, stack_of_requests
from lp_build.rebuild.graph import destination_of
from lp_build.store.capture import captured_functions
from lp_build.store.plan import Choice, Plan, StepPart, make_plan

_SHOWN = 5  # programs that are left alone, by name


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp build",
        description="Make the specialised program from what lp-wrap captured: only what changed, "
        "without the application's own build.",
    )
    parser.add_argument(
        "program",
        nargs="*",
        help="make these only (default: those that had requests when they were scouted; where the "
        "manifest names none of this build, all)",
    )
    parser.add_argument("--all", action="store_true", help="make all programs of this build")
    parser.add_argument(
        "--stress",
        action="store_true",
        help="a program to force deopts in; it lands below .lp/stress/",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="default: %(default)s"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="put programs below DIR (default: where the application's build put them)",
    )
    parser.add_argument(
        "--kernel",
        action="append",
        default=[],
        metavar="DIR|VERSION",
        help="make the kernel modules too, for a kernel whose headers lie in DIR or are installed "
        f"as VERSION, or for Debian's {LISTED}, whose headers are fetched",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=os.environ.get("LP_BUILD_CACHE") or None,
        help="keep what is made in DIR too, and take from there what was made of the same before, "
        "by whom ever (SCons's cache; default: $LP_BUILD_CACHE)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    return parser


def main(argv: list[str]) -> int:
    """Build; the exit status. Raises LakePlacidError before SCons starts, for all that can be seen
    before."""
    arguments = make_parser().parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    config = load_config(build.config)
    check_launcher(os.environ)
    if not build.manifest.exists():
        raise LakePlacidError(
            "there is no manifest yet",
            file=str(build.manifest),
            remedy="run the scouted program under a typical load, then `lp manifest`",
        )
    manifest = load_manifest(build.manifest)
    choice = Choice(tuple(arguments.program), manifest.programs, arguments.all)
    plan = make_plan(build, choice)
    check_manifest(build, config, manifest)
    with locked(build.path / "build" / "lock"):
        status = _scons(build, plan, arguments)
    if status == 0:
        remember(build, remembered_traces(build), stress=arguments.stress)
    if status != 0:
        print("lp: the build failed; programs that can't be made are as they were", file=sys.stderr)
        return 1
    told = make_forecast(build, config, manifest, plan, profile_of(build), stress=arguments.stress)
    deep = _deep(build, plan, config, arguments)
    if not arguments.quiet and not arguments.json:
        print("\n".join([summary(build, plan, arguments.stress), *lines_of(told)]))
        for one in deep:
            print(f"lp build: warning: {one.describe(bool(config.stack_size))}", file=sys.stderr)
    for warning in _strays(build, plan):
        print(f"lp: warning: {warning}", file=sys.stderr)
    modules = [
        module for kernel in arguments.kernel for module in _modules(build, plan, kernel, arguments)
    ]
    if arguments.json:
        print(json.dumps(_plain(build, plan, modules, deep, told, arguments), indent=2))
    return 0


def _deep(build: BuildDir, plan: Plan, config: Config, arguments: argparse.Namespace) -> list[Deep]:
    """Where requests of the programs come near the end of their stacks."""
    functions: dict[str, list[Function]] = {}
    for versions in (captured_functions(build) or {}).values():
        for function in versions.values():
            functions.setdefault(function.name, []).append(function)
    stack = stack_of_requests(config)
    programs = (
        destination_of(build, path, stress=arguments.stress, output=arguments.output)
        for path in _distinct(plan)
    )
    return [
        one
        for program in programs
        if is_elite(program)
        for one in deep_requests(program, stack, functions)
    ]


def _distinct(plan: Plan) -> list[str]:
    """One path of each program, whatever other names its copies have."""
    parts: list[StepPart] = []
    paths: list[str] = []
    for path, part in plan.programs.items():
        if part not in parts:
            parts.append(part)
            paths.append(path)
    return paths


def _strays(build: BuildDir, plan: Plan) -> list[str]:
    """What to say of programs that stay the scouting program though nobody wants that."""
    return [
        f"{build.relative(path, '/')} is still the scouting program: a tool that LakePlacid did "
        "not see has changed it since its link\n  remedy: call strip, objcopy and the like by "
        "their names under lp-wrap, or make it again from the program that `lp build` has made"
        for path in plan.strays
    ]


def _idle(build: BuildDir, plan: Plan) -> list[str]:
    """What to say of programs that are left alone."""
    if not plan.idle:
        return []
    names = [build.relative(path, "/") for path in plan.idle]
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [
        f"left alone, and still the scouting program: {shown}{more}: no request came to it when it "
        "was scouted. `lp build PROGRAM…` makes one, `lp build --all` all"
    ]


def _plain(
    build: BuildDir,
    plan: Plan,
    modules: list[Path],
    deep: list[Deep],
    told: Forecast,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    functions, rejected = _described(build, plan, arguments.stress)
    programs = [
        str(destination_of(build, path, stress=arguments.stress, output=arguments.output))
        for path in plan.programs
    ]
    return {
        "programs": programs,
        "modules": [str(module) for module in modules],
        "elite": functions,
        "not_elite": rejected,
        "deep": [one.plain() for one in deep],
        "left_alone": list(plan.idle),
        "still_scouting": list(plan.strays),
        "forecast": told.to_json(),
    }


def _modules(build: BuildDir, plan: Plan, kernel: str, arguments: argparse.Namespace) -> list[Path]:
    """Make the modules of all programs that have Elite code."""
    from lp_build.cache import cache_folder
    from lp_build.kernel_module.build import build_modules, find_headers, modules_folder

    headers = find_headers(kernel, cache_folder(os.environ))
    made: list[Path] = []
    for path in _distinct(plan):
        program = destination_of(build, path, stress=arguments.stress, output=arguments.output)
        if not is_elite(program):
            continue
        modules = build_modules(program, headers, modules_folder(build, arguments.stress))
        made.append(modules.application)
        if not arguments.quiet and not arguments.json:
            print(f"  => {modules.application} (for {modules.release})")
    if not made:
        raise LakePlacidError(
            "no program of this build has Elite code to make a module of",
            file=str(build.manifest),
            remedy="look at what `lp build` says of functions that are not Elite",
        )
    return made


def check_manifest(build: BuildDir, config: Config, manifest: Manifest) -> None:
    """Raise LakePlacidError for a manifest of other sources, with sites that they don't have, or
    for other functions than lp.toml names."""
    sources = captured_functions(build)
    if sources is None:
        return
    check_agreement(build, config, manifest, sources)
    elite = manifest.elite_functions()
    if elite and not any(f.digest in sources.get(f.key, {}) for f in elite):
        raise LakePlacidError(
            "this manifest is for other sources: none of its Elite functions is as captured here",
            file=str(build.manifest),
            remedy="scout again (`lp-wrap --phase scout …`), run the program, then `lp manifest`",
        )
    check_sites(manifest, sources, build.manifest)


def build_units(build: BuildDir, environ: Mapping[str, str]) -> bool:
    """Make the objects of the scouted programs' units for the manifest as it is, which `lp build`
    then finds made; whether that went well (what did not is said on standard error)."""
    options = [f"-j{os.cpu_count() or 1}", "--lp-units"]
    if environ.get("LP_BUILD_CACHE"):
        options.append(f"--lp-cache={Path(environ['LP_BUILD_CACHE']).absolute()}")
    with locked(build.path / "build" / "lock"):
        return _run_scons(build, options, silent=True, to_stderr=True) == 0


def _scons(build: BuildDir, plan: Plan, arguments: argparse.Namespace) -> int:
    options = [f"-j{max(arguments.jobs, 1)}"]
    if arguments.stress:
        options.append("--lp-stress")
    if arguments.output:
        options.append(f"--lp-output={arguments.output.absolute()}")
    options += [f"--lp-program={path}" for path in plan.programs if arguments.program]
    if arguments.all:
        options.append("--lp-all")
    if arguments.cache:
        options.append(f"--lp-cache={arguments.cache.absolute()}")
    silent = arguments.quiet or arguments.json
    # With --json standard output is for one object.
    return _run_scons(build, options, silent=silent, to_stderr=arguments.json)


def _run_scons(build: BuildDir, options: Sequence[str], *, silent: bool, to_stderr: bool) -> int:
    command = [
        *(sys.executable, "-m", "SCons", "-s" if silent else "-Q", "--no-site-dir"),
        *("-f", str(Path(__file__).with_name("SConstruct")), "-C", str(build.root)),
        *(f"--lp-root={build.root}", *options),
    ]
    environment = dict(os.environ)
    package = str(Path(__file__).resolve().parent.parent.parent)
    paths = [package, *filter(None, [environment.get("PYTHONPATH")])]
    environment.update(PYTHONPATH=os.pathsep.join(paths), PATH=without_shims(environment))
    environment.pop("LP_PHASE", None)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if not line.startswith("scons: ")]
    if said:
        print("\n".join(said), file=sys.stderr if to_stderr else sys.stdout)
    return done.returncode


def summary(build: BuildDir, plan: Plan, stress: bool) -> str:
    """What is Elite and what is not, in a few lines (floating point is saved and restored with
    everything else when a stack changes sides in one process)."""
    functions, rejected = _described(build, plan, stress)
    floating = sum(f["floating_point"] for f in functions)
    lines = [
        f"lp build: {len(functions)} Elite functions, "
        f"{sum(f['instructions'] for f in functions)} instructions; "
        f"{floating} of them use floating point or SIMD, which is handled fully"
    ]
    lines += [f"  not Elite: {row['name']}: {row['reason']}" for row in rejected]
    lines += _idle(build, plan)
    return "\n".join(lines)


def _described(
    build: BuildDir, plan: Plan, stress: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the units say of their Elite functions, and of those that are not Elite."""
    functions: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for unit in plan.units:
        path = description(build, unit, stress)
        if path.exists():
            data = json.loads(path.read_text(encoding="utf-8"))
            functions += data["functions"]
            rejected += data["not_elite"]
    return functions, rejected
