# SPDX-License-Identifier: GPL-2.0-only
"""Small C programs, scouted by the real pass and run with the real runtime."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lp_build.compile.runtime import scout_archive
from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.manifest.traces import Trace, read_traces
from lp_build.source.scout import scout_source


@dataclass(frozen=True)
class Scouted:
    """A scouted program; its traces go to `traces`."""

    program: Path
    traces: Path

    def start(self, *arguments: str, traces: Path | None = None) -> subprocess.Popen[str]:
        """Start it; its standard streams are pipes."""
        environment = {**os.environ, "LP_TRACE_DIR": str(traces or self.traces)}
        return subprocess.Popen(
            [str(self.program), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, traces: Path | None = None) -> tuple[int, str, str]:
        """Run it: its status, output and error output."""
        process = self.start(*arguments, traces=traces)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def read(self) -> list[Trace]:
        """All traces that it has left."""
        return read_traces([self.traces])

    def requests(self) -> list[int]:
        """The counts of all classes of requests of all processes, ascending."""
        return sorted(c.count for t in self.read() for c in t.classes if c.kind == 0)


def scout(folder: Path, source: str, config: Config | None = None) -> Scouted:
    """Build `source` (whose request function is `request`) for scouting, in `folder`."""
    config = config or Config(request="request")
    build = BuildDir(folder)
    path = folder / "program.c"
    path.write_text(source, encoding="utf-8")
    text = subprocess.run(["cc", "-E", str(path)], capture_output=True, check=True).stdout
    unit = scout_source(text, cwd=str(folder), build=build, config=config)
    edited = folder / "program.i"
    edited.write_bytes(unit.text)
    program = folder / "program"
    archive = scout_archive(build, "cc")
    command = ["cc", "-O1", "-w", "-o", str(program), str(edited), str(archive), "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return Scouted(program, folder / "traces")
