# SPDX-License-Identifier: GPL-2.0-only
"""Servers that LakePlacid was not made for, taken through its commands as a newcomer would: built,
surveyed, scouted, specialised, run. `python recipe.py --help` lists the options.

Nothing here is tuned: what `lp init` proposes is used where a person would agree, else the trial
says so and names the right function. Everything lies below one folder (`.cache/servers` unless
`--dir` names another): the plain build, ours, and what was found of each server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from servers import TRIALS, Trial, serve

from lp_build.cache import cache_folder, work_folder
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import build_modules, find_headers
from lp_build.kernels.versions import SERIES
from lp_build.statistics import read_run
from lp_build.steps import run_step, tool
from lp_build.trials.tree import environment
from lp_build.trials.upstream import copy_tree, fetch
from lp_build.vm.script import run_script

GUEST_TIMEOUT = 3600.0  # seconds
RATE_SECONDS = 2.0  # that a run has to last, at least, to be a measure


@dataclass(frozen=True)
class Share:
    """Requests that one load began in Elite and that finished there, and where it was left most."""

    requests: int
    finished: int
    places: Sequence[str] = ()

    @property
    def share(self) -> float:
        """0 to 1; 0 without requests."""
        return self.finished / self.requests if self.requests else 0.0


@dataclass
class Found:
    """What one trial showed. forecast: shares (0 to 1) by place, as `lp manifest` told them before
    any run; losses: what it said would stop the others; rates: requests a second of each
    alternating run, plain and Elite."""

    name: str
    version: str
    kind: str
    sent: int
    proposed: str = ""
    loop: str = ""
    right: bool = False
    used: str = ""
    forecast: Mapping[str, float] = field(default_factory=dict)
    losses: Sequence[str] = ()
    inprocess: Share = Share(0, 0)
    kernel: Share | None = None
    rates: Mapping[str, Sequence[float]] = field(default_factory=dict)


def build_plain(trial: Trial, folder: Path, pristine: Path) -> Path:
    """The server as its own build makes it, once."""
    if not (folder / trial.program).exists():
        shutil.rmtree(folder, ignore_errors=True)
        copy_tree(pristine, folder)
        for command in (trial.configure, trial.make):
            if command:
                run_step(command, folder, environment())
    return folder


def measure(trial: Trial, build: Path, count: int, **settings: str) -> Share:
    """Put the specialised server under the load that it was scouted with."""
    with tempfile.TemporaryDirectory() as name:
        # One that gives up root and closes all descriptors opens the file once more at its end.
        Path(name).chmod(0o777)
        path = Path(name) / "stats.json"
        path.touch()
        path.chmod(0o666)
        settings["LP_STATS"] = str(path)
        with serve(trial, build, environment(**settings)) as server:
            trial.load(server.port, count)
        run = read_run(path)
    return Share(run.requests, run.finished, [str(one) for one in run.deopts[:8]])


def specialise(trial: Trial, folder: Path, pristine: Path, count: int, found: Found) -> None:
    """A newcomer's way through the commands, up to the specialised server in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_tree(pristine, folder)
    if trial.configure:
        run_step(trial.configure, folder, environment(CC=tool("lp-cc")))
    wrap = [tool("lp-wrap"), *trial.make]
    run_step(wrap, folder, environment())
    with serve(trial, folder, environment()) as server:
        trial.load(server.port, count)
    proposal = json.loads(run_step([tool("lp"), "init", "--json"], folder, environment()))
    found.proposed, found.loop = proposal["request"], proposal["loop"] or ""
    found.right = found.proposed.rpartition(":")[2] in trial.requests
    found.used = found.proposed
    if not found.right:
        found.used = trial.requests[0]
        run_step(
            [tool("lp"), "init", "--force", "--request", found.used, "--quiet"],
            folder,
            environment(),
        )
    run_step(trial.clean, folder, environment())
    run_step(wrap, folder, environment())
    with serve(trial, folder, environment()) as server:
        trial.load(server.port, count)
    said = run_step([tool("lp"), "manifest", "--json"], folder, environment())
    # Warnings stand before the object.
    forecast = json.loads(said[said.index("{") :])["forecast"]
    found.forecast = {place["place"]: place["share"] for place in forecast["places"]}
    found.losses = [
        f"{loss['requests']:,} {place['place']}: {loss['file']}:{loss['line']} {loss['what']}"
        for place in forecast["places"]
        for loss in place["losses"][:5]
    ]
    run_step([tool("lp"), "build", "--quiet"], folder, environment())


def in_kernel(
    trial: Trial, build: Path, options: argparse.Namespace, show: Console
) -> Share | None:
    """The same load with Elite in a guest's kernel."""
    headers = find_headers(options.kernel, cache_folder(os.environ))
    program = build / trial.program
    modules = build_modules(program, headers, build.parent / "modules")
    (told,) = run_script(
        Path(__file__).with_name("servers_guest.py"),
        {
            "trial": trial.name,
            "build": str(build),
            "driver": str(modules.driver),
            "application": str(modules.application),
            "count": options.guest_requests,
        },
        cache_folder(os.environ),
        os.environ,
        kernel=options.kernel,
        folder=build.parent,
        timeout=GUEST_TIMEOUT,
        show=lambda text: show.print(text, end="", markup=False, highlight=False),
        memory=1024,
    )
    return Share(**told)


def rate(trial: Trial, build: Path, count: int, **settings: str) -> float:
    """Requests a second, one after the other; `count` of them first, to see how many are enough."""
    with serve(trial, build, environment(**settings)) as server:
        first = trial.load(server.port, count)
        return trial.load(server.port, max(count, int(first.rate * RATE_SECONDS))).rate


def run_trial(trial: Trial, options: argparse.Namespace, cache: Path, show: Console) -> Found:
    """All of one server. Raises LakePlacidError where a command fails."""
    home = options.dir / trial.name
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    pristine = fetch(trial.source, cache)
    found = Found(trial.name, trial.source.version, trial.kind, options.requests)
    show.print(f"{trial.name}: building it plainly")
    plain = build_plain(trial, home / "plain", pristine)
    show.print(f"{trial.name}: survey, lp init, scouting, lp manifest, lp build")
    server = home / "server"
    specialise(trial, server, pristine, options.requests, found)
    show.print(f"{trial.name}: measuring it")
    found.inprocess = measure(trial, server, options.requests, LP_ELITE="inprocess")
    rates: dict[str, list[float]] = {"plain": [], "elite": []}
    for _ in range(options.rounds):
        rates["plain"].append(rate(trial, plain, options.requests))
        rates["elite"].append(rate(trial, server, options.requests, LP_ELITE="inprocess"))
    found.rates = rates
    if options.kernel:
        found.kernel = in_kernel(trial, server, options, show)
    text = json.dumps(asdict(found), indent=1)
    (home / "found.json").write_text(text, encoding="utf-8")
    return found


def show_table(found: Sequence[Found]) -> None:
    """What came out, a row a server."""
    table = Table(title="Servers that nobody tuned for", title_justify="left")
    for column in ("server", "lp init", "forecast", "in process", "kernel", "against plain"):
        table.add_column(column)
    for one in found:
        ratios = [e / p for p, e in zip(one.rates["plain"], one.rates["elite"], strict=True)]
        table.add_row(
            f"{one.name} {one.version}\n{one.kind}",
            f"{one.proposed}\n{'right' if one.right else f'a person: {one.used}'}",
            "\n".join(f"{share:.2%} {place}" for place, share in one.forecast.items()),
            f"{one.inprocess.finished:,} of {one.inprocess.requests:,}\n{one.inprocess.share:.2%}",
            f"{one.kernel.share:.2%}" if one.kernel else "",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        )
    console = Console(highlight=False)
    console.print(table)
    for one in found:
        for line in (*one.losses, *one.inprocess.places):
            console.print(f"  {one.name}: {line}", markup=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials; return 0, or 1 when one failed."""
    names = [trial.name for trial in TRIALS]
    parser = argparse.ArgumentParser(prog="recipe.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="|".join(names), help="default: all")
    parser.add_argument("--dir", type=Path, help="work folder (default: .cache/servers)")
    parser.add_argument("--requests", type=int, default=3000, help="of each load")
    parser.add_argument("--rounds", type=int, default=3, help="alternating runs, plain and Elite")
    parser.add_argument("--kernel", choices=SERIES, help="with Elite in a guest's kernel")
    parser.add_argument("--guest-requests", type=int, default=500, help="of the load there")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"no such server: {unknown[0]}")
    cache = cache_folder(os.environ)
    options.dir = (options.dir or work_folder(os.environ, Path.cwd()) / "servers").absolute()
    show = Console(stderr=True)
    found: list[Found] = []
    failed = False
    for trial in TRIALS:
        if options.names and trial.name not in options.names:
            continue
        try:
            found.append(run_trial(trial, options, cache, show))
        except LakePlacidError as error:
            print(f"{trial.name}: {error}", file=sys.stderr)
            failed = True
    if found:
        show_table(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
