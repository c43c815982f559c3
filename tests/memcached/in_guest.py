# SPDX-License-Identifier: GPL-2.0-only
"""Run in the guest: `in_guest.py PLAN` (JSON). memcached with its Elite code in the kernel, under
loads whose every answer is verified, and its own tests; prints what came of it as JSON."""

from __future__ import annotations

import json
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tests.memcached.conftest  # noqa: F401 - finds the recipe's modules

# isort: split
import load
import suite
from memcached_server import serve
from recipe import Memcached

from lp_build.kernel_module.load import loaded, read_status
from lp_build.trials.tree import environment

COUNTS = ("requests", "deopts", "system_calls")


def driver_counts() -> dict[str, int]:
    """What the driver has counted for the one application that is loaded."""
    (application,) = read_status()["applications"]
    return dict(application)


def measure_gets(program: Path, count: int, settings: dict[str, str]) -> dict[str, float]:
    """GETs one after the other, each answer verified: what the driver counted meanwhile."""
    with (
        serve(program, environment(**settings)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as link,
    ):

        def ask(request: bytes, answer: bytes) -> None:
            link.sendall(request)
            got = b""
            while len(got) < len(answer):
                more = link.recv(4096)
                assert more, "the server closed the connection"
                got += more
            assert got == answer, got

        def get() -> None:
            ask(b"get key\r\n", b"VALUE key 5 5\r\nvalue\r\nEND\r\n")

        ask(b"set key 5 0 5\r\nvalue\r\n", b"STORED\r\n")
        get()
        before = driver_counts()
        began = time.monotonic()
        for _ in range(count):
            get()
        seconds = time.monotonic() - began
        after = driver_counts()
    return {
        "sent": count,
        "seconds": seconds,
        **{name: after[name] - before[name] for name in COUNTS},
    }


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """All loads and tests."""
    kernel = {"LP_ELITE": "kernel"}
    memcached = Memcached()
    told: dict[str, Any] = {}
    with loaded(Path(plan["driver"])):
        with loaded(Path(plan["module"])):
            program = Path(plan["program"])
            told["gets"] = measure_gets(program, 1500, kernel)
            told["scouted"] = asdict(memcached.measure_scouted(program, 3000, **kernel))
            told["mixed"] = asdict(memcached.measure_mix(program, load.Mix(), 1000, **kernel))
            told["status"] = read_status()
            settings = environment(**kernel)
            results = suite.run_suite(program.parent, plan["files"], settings, jobs=1)
            told["suite"] = {str(name): result.status for name, result in results.items()}
        with loaded(Path(plan["stress_module"])):
            forced = {**kernel, "LP_FORCE_DEOPT": "random:1:0.02"}
            told["forced"] = asdict(
                memcached.measure_mix(Path(plan["stress"]), load.Mix(), 400, **forced)
            )
    return told


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
