"""`lp build`: the specialised program again, by SCons, only what changed, in parallel."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lp_build.config import load_config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir, find_build_dir
from lp_build.profile.command import captured_functions
from lp_build.profile.manifest import check_sites, load_manifest
from lp_build.rebuild.plan import make_plan


def main(argv: list[str]) -> int:
    """Build. Raises LakePlacidError before SCons starts for all that can be seen before."""
    parser = argparse.ArgumentParser(
        prog="lp build", description="Make the specialised program from what lp-wrap captured."
    )
    parser.add_argument("--stress", action="store_true", help="a program to force deopts in")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, help="put programs below this folder instead")
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args(argv)
    build = find_build_dir(Path.cwd(), os.environ)
    load_config(build.config)
    if not build.manifest.exists():
        raise LakePlacidError(
            "there is no manifest yet",
            file=str(build.manifest),
            remedy="run the scouted program under a typical load, then `lp manifest`",
        )
    manifest = load_manifest(build.manifest)
    make_plan(build)
    sources = captured_functions(build)
    if sources is not None:
        check_sites(manifest, sources, build.manifest)
    from lp_build.rebuild.graph import Graph  # noqa: F401 - an early, clear ImportError

    command = [
        *(sys.executable, "-m", "SCons", "-s" if arguments.quiet else "-Q"),
        *("-f", str(Path(__file__).with_name("SConstruct")), "-C", str(build.root)),
        *("-j", str(arguments.jobs), f"--lp-root={build.root}", str(build.path / "build")),
    ]
    if arguments.stress:
        command.append("--lp-stress")
    if arguments.output:
        command.append(f"--lp-output={arguments.output.absolute()}")
    package = str(Path(__file__).resolve().parent.parent.parent)
    environment = {**os.environ, "PYTHONPATH": package}
    environment.pop("LP_PHASE", None)
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 0 and not arguments.quiet:
        print(summary(build, "stress" if arguments.stress else "elite"))
    if status != 0:
        print("lp: the build failed; the programs are as they were", file=sys.stderr)
    return 1 if status else 0


def summary(build: BuildDir, name: str) -> str:
    """What is Elite and what is not, in a few lines (floating point is saved and restored with
    everything else when a stack changes sides in one process)."""
    functions: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for path in sorted(build.units.glob(f"*/{name}.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        functions += data["functions"]
        rejected += data["not_elite"]
    floating = sum(f["floating_point"] for f in functions)
    lines = [
        f"lp build: {len(functions)} Elite functions, "
        f"{sum(f['instructions'] for f in functions)} instructions; "
        f"{floating} of them use floating point or SIMD, which is handled fully"
    ]
    lines += [f"  not Elite: {row['name']}: {row['reason']}" for row in rejected]
    return "\n".join(lines)
