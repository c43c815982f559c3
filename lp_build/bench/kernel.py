# SPDX-License-Identifier: GPL-2.0-only
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

from rich.table import Table

from lp_build.bench.builds import Programs
from lp_build.bench.instructions import instructions_per_request
from lp_build.bench.report import Part, new_table
from lp_build.cache import cache_folder
from lp_build.demo import command as demo
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import Headers, build_modules, find_headers
from lp_build.kernels.versions import DEFAULT
from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool
from lp_build.vm.guest import GuestCommand, run_guest

SERIES = DEFAULT
_SCOUTING = "empty 100 direct 100 switched 2000 calls 100 touch 10 own 10".split()
GUEST_SECONDS = 900.0
POLLS = (50, 200)  # microseconds
_ELITE = {"LP_ELITE": "inprocess"}


def measure(
    programs: Sequence[Programs], work: Path, compiler: str, say: Callable[[str], None]
) -> Part:
    """Build the modules, and measure in a guest. Raises LakePlacidError when something can't be
    built, or fails in the guest."""
    headers = find_headers(SERIES, cache_folder(os.environ))
    folder = work / "bench" / "kernel"
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
    udp_kv = next(one for one in programs if one.server.name == "udp_kv")
    timed = {
        **{key: plan[key] for key in ("bench", "client", "driver")},
        "trips": {
            "plain": {"program": str(udp_kv.plain), "module": ""},
            "Elite": plan["servers"]["udp_kv"],
            **{
                f"Elite, busy_poll {microseconds}": _module(
                    _polling(udp_kv, microseconds), headers, folder / f"poll-{microseconds}"
                )
                for microseconds in POLLS
            },
        },
    }
    say("udp_kv: counting instructions of its own")
    own = {
        "plain": instructions_per_request(udp_kv.server, udp_kv.plain).all,
        "elite": instructions_per_request(udp_kv.server, udp_kv.elite, _ELITE).all,
    }
    say("kernel: measuring in a guest, which takes a while")
    counted = _run(plan, folder, cpus=1)
    say("kernel: measuring in a guest with two processors")
    return _report({**counted, "own": own, "timed": _run(timed, folder, cpus=2)})


def _polling(programs: Programs, microseconds: int) -> Path:
    """The specialised server again, with `busy_poll`."""
    root = programs.scouted.parent
    config = root / "lp.toml"
    text = config.read_text(encoding="utf-8")
    output = f"poll-{microseconds}"
    config.write_text(f"{text.rstrip()}\nbusy_poll = {microseconds}\n", encoding="utf-8")
    try:
        run_step([tool("lp"), "build", "--output", output], root, demo.clean_environment())
    finally:
        config.write_text(text, encoding="utf-8")
    return root / output / programs.elite.name


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


def _run(plan: Mapping[str, Any], folder: Path, cpus: int) -> dict[str, Any]:
    """In a guest; with one processor it counts instructions."""
    package = Path(__file__).resolve().parent.parent.parent
    command = GuestCommand(
        argv=[sys.executable, "-m", "lp_build.bench.kernel_guest", json.dumps(plan)],
        kernel=SERIES,
        timeout=GUEST_SECONDS,
        cpus=cpus,
        cwd=folder,
        icount=cpus == 1,
    )
    environment = {**os.environ, "PYTHONPATH": str(package)}
    result = run_guest(command, cache_folder(os.environ), environment)
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
        "kernel_deopt_ns_two_cpus": told["timed"]["deopt"],
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
    times = new_table(
        "A request's round trip, both ends, two processors", "udp_kv", "µs", "of plain"
    )
    for name, took in told["timed"]["trips"].items():
        times.add_row(name, f"{took / 1000:.1f}", f"{took / told['timed']['trips']['plain']:.2f}")
    tables = (table, trips, _split(told), times)
    notes = (
        f"counted by QEMU's -icount in a guest with Debian's kernel {SERIES}, one processor; each "
        "round of a `rep` counts as one",
        "times are medians of five runs in a guest with two processors; without KVM they say "
        "little more than which is longer",
        f"a deopt and back with two processors: {told['timed']['deopt'] / 1000:.1f} µs",
        "of the round trip: calls as a null system call, twice on each end; the socket layer as a "
        "socket that sends to itself, less its calls; the server's own code as callgrind counts it "
        "in one process; the rest is what nothing else explains: wake-ups, switches, the client's "
        "own",
    )
    return Part("kernel", figures, dict(told), tables, notes)


def _split(told: Mapping[str, Any]) -> Table:
    """Where a round trip's instructions go."""
    kernel, off, whole = told["kernel"], told["off"], told["requests"]["udp_kv"]
    call = {"plain": off["calls"] - off["empty"], "elite": kernel["calls"] - kernel["empty"]}
    sockets = 2 * (off["own"] - off["empty"] - 2 * call["plain"])
    table = new_table("Of udp_kv's round trip, instructions", "what", "plain", "Elite")
    rows: dict[str, dict[str, float]] = {"the server's own code": told["own"]}
    # The client's two calls are plain ones.
    rows["system calls"] = {name: 2 * call["plain"] + 2 * cost for name, cost in call.items()}
    rows["socket layer"] = dict.fromkeys(call, sockets)
    rows["wake-ups and the rest"] = {
        name: whole[name] - sum(row[name] for row in rows.values()) for name in call
    }
    for what, cost in rows.items():
        table.add_row(what, f"{cost['plain']:.0f}", f"{cost['elite']:.0f}")
    return table


def _cost(kernel: Mapping[str, float], what: str) -> str:
    return f"{kernel[what] - kernel['empty']:.1f}"
