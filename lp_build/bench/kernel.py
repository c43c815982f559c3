"""The figures of Elite in the kernel, in a guest that counts instructions (`-icount`): where there
is no KVM, and on a shared machine, instructions say more than nanoseconds."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lp_build import demo
from lp_build.bench.builds import Programs
from lp_build.bench.report import Part, new_table
from lp_build.errors import LakePlacidError
from lp_build.module.build import Headers, build_modules, find_headers
from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool
from lp_build.vm import kernels
from lp_build.vm.guest import GuestCommand, run_guest

SERIES = "6.1"
_SCOUTING = ["empty", "100", "direct", "100", "switched", "2000", "calls", "100", "touch", "10"]
GUEST_SECONDS = 900.0


def measure(
    programs: Sequence[Programs], cache: Path, compiler: str, say: Callable[[str], None]
) -> Part:
    """Build the modules, and measure in a guest. Raises LakePlacidError when something can't be
    built, or fails in the guest."""
    headers = find_headers(SERIES, kernels.cache_folder(os.environ))
    folder = cache / "bench" / "kernel"
    say("kernel: building the modules")
    bench = _bench_program(folder, compiler)
    client = folder / "client"
    source = resource_dir("c_runtime") / "bench" / "kernel" / "client.c"
    run_step([*shlex.split(compiler), "-O2", source, "-o", client], folder)
    plan: dict[str, Any] = {
        "bench": _module(bench, headers, folder),
        "servers": {
            one.server.name: {**_module(one.elite, headers, folder), "plain": str(one.plain)}
            for one in programs
        },
        "client": str(client),
    }
    plan["driver"] = plan["bench"]["driver"]
    say("kernel: measuring in a guest, which takes a while")
    return _report(_run(plan, folder))


def _bench_program(folder: Path, compiler: str) -> Path:
    source = resource_dir("c_runtime") / "bench" / "kernel"
    place = folder / "program"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("bench.c", "lp.toml", "Makefile"):
        shutil.copyfile(source / name, place / name)
    environment = {**demo.clean_environment(), "LP_CC": compiler}
    run_step([tool("lp-wrap"), "--phase", "scout", "make"], place, environment)
    run_step([place / "bench", *_SCOUTING], place, environment)
    run_step([tool("lp"), "manifest"], place, environment)
    run_step([tool("lp"), "build", "--output", "elite"], place, environment)
    return place / "elite" / "bench"


def _module(program: Path, headers: Headers, folder: Path) -> dict[str, str]:
    built = build_modules(program, headers, folder / "modules")
    return {
        "elite": str(program),
        "program": str(program),
        "module": str(built.application),
        "driver": str(built.driver),
    }


def _run(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    package = Path(__file__).resolve().parent.parent.parent
    command = GuestCommand(
        argv=[sys.executable, "-m", "lp_build.bench.kernel_guest", json.dumps(plan)],
        kernel=SERIES,
        timeout=GUEST_SECONDS,
        cpus=1,
        cwd=folder,
        icount=True,
    )
    environment = {**os.environ, "PYTHONPATH": str(package)}
    result = run_guest(command, kernels.cache_folder(os.environ), environment)
    if result.status:
        said = result.stderr.decode(errors="replace").strip().splitlines()[-5:]
        raise LakePlacidError("\n  ".join(["the measurement failed in the guest", *said]))
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def _report(told: Mapping[str, Any]) -> Part:
    kernel, off = told["kernel"], told["off"]
    empty = kernel["empty"]
    figures = {
        "kernel_dispatch_instructions_direct": kernel["direct"] - empty,
        "kernel_dispatch_instructions_switched": kernel["switched"] - empty,
        "kernel_deopt_instructions": kernel["leaves"] - kernel["switched"],
    }
    for name, one in told["requests"].items():
        key = {"udp_kv": "udp_kv", "memcached": "memcached_get"}[name]
        figures[f"kernel_request_instructions_ratio_{key}"] = one["elite"] / one["plain"]
    table = new_table("In the kernel, instructions", "what", "in user space", "in the kernel")
    table.add_row("a direct call", f"{off['direct'] - off['empty']:.1f}", _cost(kernel, "direct"))
    table.add_row("a request, on a slot of its own", "", _cost(kernel, "switched"))
    table.add_row("a system call", f"{off['calls'] - off['empty']:.0f}", _cost(kernel, "calls"))
    table.add_row(
        "a deopt, to user space and back", "", f"{figures['kernel_deopt_instructions']:.0f}"
    )
    table.add_row("a page's first touch", "", f"{kernel['touch'] - kernel['tagain']:.0f}")
    table.add_row("a page's taking away", f"{off['take']:.0f}", f"{kernel['take']:.0f}")
    trips = new_table(
        "A request's round trip, both ends, one processor", "server", "plain", "Elite"
    )
    for name, one in told["requests"].items():
        trips.add_row(name, f"{one['plain']:.0f}", f"{one['elite']:.0f}")
    notes = (f"counted by QEMU's -icount in a guest with Debian's kernel {SERIES}, one processor",)
    return Part("kernel", figures, dict(told), (table, trips), notes)


def _cost(kernel: Mapping[str, float], what: str) -> str:
    return f"{kernel[what] - kernel['empty']:.1f}"
