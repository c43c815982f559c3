"""Instructions in user space for each request, counted by callgrind.

Two runs with different numbers of requests give the slope: start-up and shut-down cancel out.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lp_build.bench.servers import Server
from lp_build.errors import LakePlacidError

FEW, MANY = 200, 1200
_TOTAL = re.compile(r"^(?:totals|summary):\s+(\d+)", re.M)


@dataclass(frozen=True)
class Cost:
    """Instructions a request of one build."""

    build: str
    per_request: float


def count_run(
    server: Server, program: Path, requests: int, environment: Mapping[str, str] | None = None
) -> int:
    """All instructions of one run with `requests` requests. Raises LakePlacidError without
    valgrind or when callgrind left no result."""
    if shutil.which("valgrind") is None:
        raise LakePlacidError("valgrind is missing", remedy="apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        prefix = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        with server.running(program, environment, prefix) as running:
            server.load(running.port, requests)
        match = _TOTAL.search(out.read_text(encoding="utf-8", errors="replace"))
    if match is None:
        raise LakePlacidError("callgrind counted nothing", file=str(program))
    return int(match.group(1))


def instructions_per_request(
    server: Server, build: str, program: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """The slope between a short and a long run."""
    few = count_run(server, program, FEW, environment)
    many = count_run(server, program, MANY, environment)
    return Cost(build, (many - few) / (MANY - FEW))
