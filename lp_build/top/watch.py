# SPDX-License-Identifier: GPL-2.0-only
"""Several processes of one program, watched together: totals, and what happened in between."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.statistics import Deopt, DeoptLine, by_line
from lp_build.top.process import GoneError, Process, Snapshot, program_of, specialised_processes


@dataclass(frozen=True)
class LineRate:
    """A source line's deopts: all, and a second in the last interval."""

    place: DeoptLine
    rate: float


@dataclass(frozen=True)
class View:
    """What is shown: sums over the processes; rates are of the last interval, `seconds` long.

    share: of the requests that began in the interval, those that ended in Elite; None when there
    were none. total_share: of all.
    """

    program: str
    pids: tuple[int, ...]
    seconds: float
    rate: float
    share: float | None
    total: Snapshot
    total_share: float | None
    lines: tuple[LineRate, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for scripts."""
        total = self.total
        return {
            "program": self.program,
            "pids": list(self.pids),
            "elite": total.elite,
            "mode": total.mode,
            "seconds": round(self.seconds, 3),
            "requests_per_second": round(self.rate, 1),
            "share": self.share,
            "requests": total.requests,
            "finished_in_elite": total.finished,
            "total_share": self.total_share,
            "slots": {
                "in_use": total.slots_used,
                "count": total.slots,
                "high_water": total.slots_most,
                "waits": total.slot_waits,
            },
            "ring": {
                "in_use": total.ring_used or 0,
                "size": total.ring,
                "depth_max": total.ring_most,
                "waits": total.ring_waits,
                "queued": total.queued,
            },
            "shut_out": {"threads": total.shut_out, "why": total.why},
            "deopts": [
                {
                    "file": line.place.file,
                    "line": line.place.line,
                    "hits": line.place.hits,
                    "per_second": round(line.rate, 1),
                    "sites": list(line.place.names),
                }
                for line in self.lines
            ],
        }


class Watch:
    """The processes of one program, those that it forks included."""

    def __init__(self, program: str, pids: Sequence[int]) -> None:
        self.program = program
        self._processes = [Process(pid) for pid in pids]
        self._before: dict[int, Snapshot] = {}
        self._time = time.monotonic()
        self._look()

    def close(self) -> None:
        """Look no more."""
        for process in self._processes:
            process.close()
        self._processes = []

    def _look(self) -> dict[int, Snapshot]:
        """A snapshot of each process that is still there; the others are forgotten."""
        found: dict[int, Snapshot] = {}
        for process in list(self._processes):
            try:
                found[process.pid] = process.look()
            except GoneError:
                process.close()
                self._processes.remove(process)
        self._time, self._before = time.monotonic(), found
        return found

    def _join_forks(self) -> None:
        """Children that it has made since."""
        known = {process.pid for process in self._processes}
        for pid, program in specialised_processes():
            if program == self.program and pid not in known:
                try:
                    self._processes.append(Process(pid))
                except (GoneError, LakePlacidError):
                    continue  # it ended as soon, or went on as a user whom we may not look at

    def step(self) -> View | None:
        """What happened since the last step; None when all have ended."""
        began, before = self._time, self._before
        self._join_forks()
        now = self._look()
        if not now:
            return None
        seconds = max(self._time - began, 1e-6)
        total = add_up(list(now.values()))
        # A process that was not there before did all that it has done in the interval.
        earlier = [before[pid] for pid in now if pid in before]
        base = add_up(earlier) if earlier else None
        requests = total.requests - (base.requests if base else 0)
        finished = total.finished - (base.finished if base else 0)
        share = min(1.0, max(0.0, finished / requests)) if requests > 0 else None
        hits = {(d.file, d.line): d.hits for d in by_line(base.deopts if base else ())}
        lines = [
            LineRate(line, (line.hits - hits.get((line.file, line.line), 0)) / seconds)
            for line in by_line(total.deopts)
        ]
        lines.sort(key=lambda one: (-one.rate, -one.place.hits))
        whole = total.finished / total.requests if total.requests else None
        return View(
            self.program,
            tuple(now),
            seconds,
            max(0, requests) / seconds,
            share,
            total,
            whole,
            tuple(lines),
        )


def add_up(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Several processes as one; of what each has most, the highest."""
    hits: dict[tuple[str, str, int], int] = {}
    for snapshot in snapshots:
        for deopt in snapshot.deopts:
            key = (deopt.name, deopt.file, deopt.line)
            hits[key] = hits.get(key, 0) + deopt.hits

    def total(name: str) -> int:
        return sum(int(getattr(snapshot, name) or 0) for snapshot in snapshots)

    first = snapshots[0]
    return Snapshot(
        elite=" and ".join(sorted({s.elite for s in snapshots})),
        mode=first.mode,
        requests=total("requests"),
        finished=total("finished"),
        slots_used=total("slots_used"),
        slots=total("slots"),
        slots_most=max(s.slots_most for s in snapshots),
        slot_waits=total("slot_waits"),
        ring_used=None if first.ring_used is None else total("ring_used"),
        ring=total("ring"),
        ring_most=max(s.ring_most for s in snapshots),
        ring_waits=total("ring_waits"),
        queued=total("queued"),
        entries=total("entries"),
        shut_out=total("shut_out"),
        why=next((s.why for s in snapshots if s.shut_out), ""),
        deopts=tuple(Deopt(*key, count) for key, count in hits.items()),
    )


def choose(wanted: str | None, project: Path) -> Watch:
    """Watch what the user means: a process by number, or a program by name or path, or the only
    one that runs; of several the one that lies below `project`. Raises LakePlacidError when there
    is none, or more than one."""
    if wanted is not None and wanted.isdigit():
        pid = int(wanted)
        program = program_of(pid)
        if program is None:
            raise LakePlacidError(f"there is no process {pid}, or it is not yours to look at")
        others = [p for p, other in specialised_processes() if other == program and p != pid]
        return _watch(program, [pid, *(p for p in others if _parent(p) == pid)])
    found = specialised_processes()
    if wanted is not None:
        path = os.path.realpath(wanted)
        found = [one for one in found if one[1] == path or os.path.basename(one[1]) == wanted]
    programs = {program for _, program in found}
    if len(programs) > 1:
        here = {p for p in programs if Path(p).is_relative_to(project.resolve())}
        programs = here if len(here) == 1 else programs
    if not programs:
        what = f"no process runs `{wanted}`" if wanted else "no specialised program is running"
        raise LakePlacidError(
            f"{what}, or it is not yours to look at",
            remedy="start one that `lp build` made; those of other users need root",
        )
    if len(programs) > 1:
        listed = ", ".join(f"{program} ({pid})" for pid, program in found)
        raise LakePlacidError(
            f"several specialised programs are running: {listed}",
            remedy="name one, or a process's number",
        )
    (chosen,) = programs
    return _watch(chosen, [pid for pid, program in found if program == chosen])


def _watch(program: str, pids: Sequence[int]) -> Watch:
    try:
        return Watch(program, pids)
    except GoneError as error:
        raise LakePlacidError(f"{program} has just ended", remedy="start it again") from error


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
            return int(handle.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
