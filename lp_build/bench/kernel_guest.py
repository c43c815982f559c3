# SPDX-License-Identifier: GPL-2.0-only
"""Run in the guest: `python -m lp_build.bench.kernel_guest PLAN`. Prints a JSON object with what
the programs of c_runtime/bench/kernel/ printed: instructions where the guest counts them, else
nanoseconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from lp_build.bench.servers import Memcached, Server, UdpKv

SERVERS: dict[str, Server] = {"udp_kv": UdpKv(), "memcached": Memcached()}
VALUE = "v" * 64
ROUNDS = 400
# Of what is timed: of each run, and runs, whose median counts.
TIMED_ROUNDS = 1500
TIMED_RUNS = 5
# Protocol, what fills the store, request, answer; the key has flags, as in scouting.
TALK = {
    "udp_kv": ("udp", "1 SET some_key " + VALUE, "1 STORED", "1 GET some_key", "1 VALUE " + VALUE),
    "memcached": (
        "tcp",
        f"set some_key 5 0 64\\r\\n{VALUE}\\r\\n",
        "STORED\\r\\n",
        "get some_key\\r\\n",
        f"VALUE some_key 5 64\\r\\n{VALUE}\\r\\nEND\\r\\n",
    ),
}
COSTS = {
    "kernel": "empty 10 empty 50000 direct 50000 switched 50000 leaves 500 calls 5000 touch 512 "
    "touch 512 again 512 take 512 own 2000",
    "off": "empty 10 empty 50000 direct 50000 calls 5000 touch 512 again 512 take 512 own 2000",
}


@contextmanager
def loaded(module: str) -> Iterator[None]:
    """A module, for a while."""
    subprocess.run(["insmod", module], check=True)
    yield
    subprocess.run(["rmmod", Path(module).stem], check=True)


def costs(program: str, place: str, what: str) -> dict[str, float]:
    """What bench.c prints; of a name that it prints twice, the latter."""
    said = subprocess.run(
        [program, *what.replace("again", "tagain").split()],
        env={"LP_ELITE": place},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {name: float(value) for name, value in map(str.split, said.splitlines())}


def round_trip(name: str, program: str, place: str, client: str, rounds: int = ROUNDS) -> float:
    """Of one request, on both ends."""
    protocol, fill, filled, request, answer = TALK[name]
    server = SERVERS[name]
    with server.running(Path(program), {"LP_ELITE": place}) as running:
        talk = [client, protocol, str(running.port)]
        subprocess.run([*talk, "1", fill, filled], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(
            [*talk, str(rounds), request, answer], check=True, capture_output=True, text=True
        )
    return float(done.stdout)


def count(plan: dict[str, Any]) -> dict[str, Any]:
    """In a guest that counts instructions."""
    told: dict[str, Any] = {"requests": {}}
    with loaded(plan["driver"]):
        with loaded(plan["bench"]["module"]):
            told["kernel"] = costs(plan["bench"]["program"], "kernel", COSTS["kernel"])
        told["off"] = costs(plan["bench"]["program"], "off", COSTS["off"])
        for name, one in plan["servers"].items():
            told["requests"][name] = {
                "plain": round_trip(name, one["plain"], "off", plan["client"])
            }
            with loaded(one["module"]):
                elite = round_trip(name, one["elite"], "kernel", plan["client"])
            told["requests"][name]["elite"] = elite
    return told


def time(plan: dict[str, Any]) -> dict[str, Any]:
    """In a guest with two processors."""
    with loaded(plan["driver"]):
        with loaded(plan["bench"]["module"]):
            runs = [
                costs(plan["bench"]["program"], "kernel", "switched 5000 leaves 1000")
                for _ in range(TIMED_RUNS)
            ]
        told: dict[str, Any] = {"deopt": median(one["leaves"] - one["switched"] for one in runs)}
        trips: dict[str, list[float]] = {}
        for _ in range(TIMED_RUNS):  # in turn: the host has other work
            for name, one in plan["trips"].items():
                place = "kernel" if one["module"] else "off"
                with loaded(one["module"]) if one["module"] else nullcontext():
                    took = round_trip("udp_kv", one["program"], place, plan["client"], TIMED_ROUNDS)
                trips.setdefault(name, []).append(took)
    told["trips"] = {name: median(all_of_it) for name, all_of_it in trips.items()}
    return told


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """All that the plan asks for."""
    return time(plan) if "trips" in plan else count(plan)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
