# SPDX-License-Identifier: GPL-2.0-only
"""Seconds of commands, by the clock and of processor time, and who else kept the machine busy."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.bench.spread import Summary, ratio, summarize
from lp_build.errors import LakePlacidError

# Above this share of the machine that others use, the clock measures them, not us.
BUSY = 0.1
_HERTZ = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)  # idle, iowait: fields of the first line of /proc/stat
_COUNTED = 8  # user … steal; guests are counted in user already


@dataclass(frozen=True)
class Seconds:
    """One run: by the clock, and user and system time of all its processes."""

    wall: float
    cpu: float


def timed(command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str]) -> Seconds:
    """Run a command to its end. Raises LakePlacidError, with its last words, when it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise LakePlacidError(
                f"cannot run `{words[0]}`: {error.strerror}", file=str(cwd), remedy="install it"
            ) from error
        # wait4 tells the time of this child and of those that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            tail = "\n  ".join(output.read().splitlines()[-20:])
            raise LakePlacidError(
                f"`{' '.join(words)}` ended with status {process.returncode}:\n  {tail}",
                file=str(cwd),
                remedy="run it there by hand to see all of its output",
            )
    return Seconds(wall, usage.ru_utime + usage.ru_stime)


@dataclass(frozen=True)
class Machine:
    """A look at the whole machine: seconds by the clock, busy processor seconds, processors."""

    wall: float
    busy: float
    processors: int

    @staticmethod
    def look() -> Machine:
        """Now."""
        return parse_machine(Path("/proc/stat").read_text(encoding="ascii"), time.monotonic())

    def others_share(self, before: Machine, ours: float) -> float:
        """Share of the machine (0 to 1) that others used since `before`, when we used `ours`
        processor seconds."""
        capacity = (self.wall - before.wall) * self.processors
        return max(0.0, (self.busy - before.busy - ours) / capacity) if capacity > 0 else 0.0


def parse_machine(text: str, wall: float) -> Machine:
    """Read /proc/stat as of `wall`."""
    lines = text.splitlines()
    fields = [int(value) for value in lines[0].split()[1 : 1 + _COUNTED]]
    busy = sum(value for place, value in enumerate(fields) if place not in _IDLE)
    processors = sum(1 for line in lines[1:] if line.startswith("cpu"))
    return Machine(wall, busy / _HERTZ, max(1, processors))


@dataclass(frozen=True)
class Series:
    """The same command several times."""

    runs: tuple[Seconds, ...]

    @property
    def wall(self) -> Summary:
        """By the clock."""
        return summarize([run.wall for run in self.runs])

    @property
    def cpu(self) -> Summary:
        """Processor time."""
        return summarize([run.cpu for run in self.runs])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"wall_s": self.wall.to_json(), "cpu_s": self.cpu.to_json()}


@dataclass(frozen=True)
class Comparison:
    """Series by name, taken in turns, and the share of the machine that others used meanwhile."""

    series: Mapping[str, Series]
    others: float

    @property
    def by(self) -> str:
        """What ratios are of: "wall", unless others used so much that only "cpu" is ours."""
        return "cpu" if self.others > BUSY else "wall"

    def ratio(self, name: str, baseline: str) -> float:
        """Of the medians, by the clock or by processor time (see `by`)."""
        return (
            self.wall_ratio(name, baseline) if self.by == "wall" else self.cpu_ratio(name, baseline)
        )

    def wall_ratio(self, name: str, baseline: str) -> float:
        """Of the medians by the clock."""
        return ratio(self.series[name].wall.median, self.series[baseline].wall.median)

    def cpu_ratio(self, name: str, baseline: str) -> float:
        """Of the medians of processor time."""
        return ratio(self.series[name].cpu.median, self.series[baseline].cpu.median)

    def to_json(self, baseline: str) -> dict[str, Any]:
        """Plain data."""
        return {
            "others_share_of_machine": self.others,
            "ratio_is_of": self.by,
            **{
                name: {
                    **one.to_json(),
                    "wall_ratio": self.wall_ratio(name, baseline),
                    "cpu_ratio": self.cpu_ratio(name, baseline),
                }
                for name, one in self.series.items()
            },
        }
