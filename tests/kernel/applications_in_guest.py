# SPDX-License-Identifier: GPL-2.0-only
"""Run in the guest: `python -m tests.kernel.applications_in_guest JOBS.json`. Each job is a program
with its module: both are loaded, the program is put under load with Elite in the kernel, and a JSON
object says what it answered, its statistics, and the driver's counters."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lp_build.demo.command import clean_environment
from lp_build.demo.load import Mix, run_load
from lp_build.demo.server import start
from lp_build.kernel_module.load import read_status
from tests.samples.http_client import exchange

TOOLS = Path("/run/lakeplacid/bin")


ECHOES = ("difftime", "select_server")


def echo(port: int, amount: int) -> int:
    """Send datagrams one after the other; how many were answered."""
    answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(20)
        link.connect(("127.0.0.1", port))
        for number in range(amount):
            link.send(b"%d" % number)
            answered += bool(link.recv(512))
    return answered


def answers(kind: str, port: int, amount: int) -> Any:
    """What the server answers to a load of its kind, in a form that can be compared."""
    if kind == "udp_kv":
        mix = Mix(hit=4, miss=1, set=1, delete=1, incr=1, stats=0.1, broken=1)
        result = run_load(port, amount, mix=mix, seed=3)
        assert result.server == result.expected, (result.server, result.expected)
        return result.server
    if kind in ECHOES:
        return echo(port, amount)
    if kind == "udp_kv scouted":
        return run_load(port, amount).server
    if kind == "http_events scouted":
        return len(exchange(port, amount, odd=0.02, paced=True).replies)
    if kind == "udp_kv get":
        result = run_load(port, amount, mix=Mix(1, 0, 0, 0, 0, 0, 0), seed=4)
        assert result.server == result.expected, (result.server, result.expected)
        return result.server
    replies = exchange(port, amount, odd=0 if kind == "http_events get" else 0.3).replies
    return hashlib.sha256(b"\0".join(replies)).hexdigest()


def run_script(program: Path, script: str, environment: dict[str, str]) -> dict[str, Any]:
    """What a program that reads a script says, and how it ends."""
    done = subprocess.run(
        [program], input=script, env=environment, capture_output=True, text=True, check=False
    )
    return {"said": done.stdout, "status": done.returncode, "complains": done.stderr}


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Load, run, unload."""
    subprocess.run([TOOLS / "insmod", job["module"]], check=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # some become somebody else
        stats = Path(folder) / "stats.json"
        stats.touch()
        stats.chmod(0o666)  # and open it again then
        settings = {"LP_ELITE": "kernel", "LP_STATS": str(stats), **job.get("environment", {})}
        environment = {**clean_environment(), **settings}
        program = Path(job["program"])
        if job["kind"] == "script":
            said: Any = run_script(program, job["script"], environment)
            status = read_status()
        else:
            with start(program, environment) as server:
                said = answers(job["kind"], server.port, job["amount"])
                status = read_status()
        # A program that a signal has ended leaves an empty one.
        told = stats.read_text(encoding="utf-8")
        statistics = json.loads(told) if told else {}
    subprocess.run([TOOLS / "rmmod", Path(job["module"]).stem], check=True)
    return {"name": job["name"], "answers": said, "stats": statistics, "status": status}


def main() -> None:
    """All jobs of the file."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    subprocess.run([TOOLS / "insmod", plan["driver"]], check=True)
    refused = subprocess.run([TOOLS / "insmod", plan["unfinished"]], check=False).returncode
    print(json.dumps({"name": "unfinished", "status": refused}), flush=True)
    for job in plan["jobs"]:
        print(json.dumps(run_job(job)), flush=True)
    subprocess.run([TOOLS / "rmmod", "lakeplacid"], check=True)
    print(json.dumps({"name": "unloaded"}), flush=True)


if __name__ == "__main__":
    main()
