"""Run in the guest: `in_guest.py PLAN` (JSON). memcached with its Elite code in the kernel, under
loads whose every answer is verified, and its own tests; prints what came of it as JSON."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tests.memcached.conftest  # noqa: F401 - finds the recipe's modules

# isort: split
import load
import recipe
import suite

from lp_build.module.load import read_status

COUNTS = ("requests", "deopts", "system_calls")


@contextmanager
def loaded(module: str) -> Iterator[None]:
    """A module, for a while."""
    subprocess.run(["insmod", module], check=True)
    yield
    subprocess.run(["rmmod", Path(module).stem], check=True)


def driver_counts() -> dict[str, int]:
    """What the driver has counted for the one application that is loaded."""
    (application,) = read_status()["applications"]
    return dict(application)


def measure_gets(program: Path, count: int, environment: dict[str, str]) -> dict[str, int]:
    """GETs one after the other, each answer verified: what the driver counted meanwhile."""
    with (
        recipe.serve(program, recipe.clean_environment(**environment)) as server,
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
        for _ in range(count):
            get()
        after = driver_counts()
    return {"sent": count, **{name: after[name] - before[name] for name in COUNTS}}


def run_suite(row: dict[str, Any], files: list[str]) -> dict[str, Any]:
    """memcached's own tests with one server: each file's outcome."""
    with loaded(row["module"]) if row["module"] else nullcontext():
        results = suite.run_suite(
            Path(row["folder"]),
            files,
            recipe.clean_environment(**row["environment"]),
            jobs=2,
            progress=lambda result: print(
                f"{row['name']}: {result.name}: {result} ({result.seconds:.0f} s)",
                file=sys.stderr,
                flush=True,
            ),
        )
    return {name: result.outcome for name, result in results.items()}


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """All loads and tests."""
    kernel = {"LP_ELITE": "kernel"}
    told: dict[str, Any] = {}
    if "suites" in plan:
        with loaded(plan["driver"]):
            return {row["name"]: run_suite(row, plan["files"]) for row in plan["suites"]}
    with loaded(plan["driver"]):
        with loaded(plan["module"]):
            program = Path(plan["program"])
            told["gets"] = measure_gets(program, 1500, kernel)
            told["mixed"] = asdict(recipe.measure(program, load.Mix(), 1000, **kernel))
            told["status"] = read_status()
            environment = recipe.clean_environment(**kernel)
            results = suite.run_suite(program.parent, plan["files"], environment, jobs=1)
            told["suite"] = {str(name): result.status for name, result in results.items()}
        with loaded(plan["stress_module"]):
            forced = {**kernel, "LP_FORCE_DEOPT": "random:1:0.02"}
            told["forced"] = asdict(recipe.measure(Path(plan["stress"]), load.Mix(), 400, **forced))
    return told


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
