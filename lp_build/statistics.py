# SPDX-License-Identifier: GPL-2.0-only
"""What the runtime writes to LP_STATS (c_runtime/statistics/stats.c), read and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError

OFF = "off"
_AGAIN = (
    "run the specialised program again with LP_STATS=FILE and end it by SIGTERM: a program that is "
    "killed writes nothing, or not all"
)


@dataclass(frozen=True)
class Deopt:
    """A site where Elite was left, and how often. file, line: of the original source."""

    name: str
    file: str
    line: int
    hits: int

    @property
    def where(self) -> str:
        """Its place, as `file:line`."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.hits:8,}  {self.where} {self.name}"


@dataclass(frozen=True)
class Run:
    """One process's statistics.

    label: the file that they are from. elite: "off", "inprocess" …; mode: "wait" or "queue".
    requests: those that began in Elite; finished: those that ended there too. deopts: the most
    frequent first. elite_text, text: bytes. slots, ring: as the runtime tells them, by name.
    entries: how often Elite was begun, in the middle of a request too.
    shut_out: threads that wanted into the kernel and stayed in user space; why: what kept the first
    of them out.
    """

    label: str
    elite: str
    mode: str
    requests: int
    finished: int
    deopts: tuple[Deopt, ...]
    elite_text: int
    text: int
    slots: dict[str, int]
    ring: dict[str, int]
    entries: int = 0
    shut_out: int = 0
    why: str = ""

    @property
    def share(self) -> float:
        """Share (0 to 1) of the requests that finished in Elite; 0 without requests."""
        return self.finished / self.requests if self.requests else 0.0

    @property
    def kept_out(self) -> str:
        """Which threads stayed out of the kernel, and why; "" where none did."""
        threads = "1 thread" if self.shut_out == 1 else f"{self.shut_out:,} threads"
        return f"{threads} stayed out of the kernel: {self.why}" if self.shut_out else ""


def read_run(path: Path) -> Run:
    """Read one file. Raises LakePlacidError, with file, line and remedy, for one that is missing,
    cut off, or not what LP_STATS writes."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LakePlacidError(
            f"cannot read the statistics of a run: {reason}", file=str(path), remedy=_AGAIN
        ) from error
    return parse_run(text, path)


def parse_run(text: str, path: Path) -> Run:
    """What a file has, that is or was at `path`. Raises LakePlacidError as `read_run` does."""
    if not text.strip():
        raise LakePlacidError("statistics without content", file=str(path), remedy=_AGAIN)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        what = "statistics that are cut off" if cut else f"not valid JSON: {error.msg}"
        raise LakePlacidError(what, file=str(path), line=error.lineno, remedy=_AGAIN) from error
    try:
        return _run(data, path.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise LakePlacidError(
            f"these are no statistics of a specialised program: {what}",
            file=str(path),
            remedy=_AGAIN,
        ) from error


def _run(data: dict[str, Any], label: str) -> Run:
    deopts = [
        Deopt(str(site["name"]), str(site["file"]), int(site["line"]), int(site["hits"]))
        for site in data["deopts"]["sites"]
    ]
    return Run(
        label,
        str(data["elite"]),
        str(data["mode"]),
        int(data["requests"]),
        int(data["finished_in_elite"]),
        _frequent_first(deopts),
        int(data.get("elite_text_bytes", 0)),
        int(data.get("text_bytes", 0)),
        {str(k): int(v) for k, v in data.get("slots", {}).items()},
        {str(k): int(v) for k, v in data.get("ring", {}).items()},
        int(data.get("entries", 0)),
        int(data.get("shut_out", {}).get("threads", 0)),
        str(data.get("shut_out", {}).get("why", "")),
    )


def _frequent_first(deopts: Iterable[Deopt]) -> tuple[Deopt, ...]:
    return tuple(sorted(deopts, key=lambda deopt: -deopt.hits))


def totals_of(runs: Iterable[Run]) -> dict[str, int]:
    """Requests of all runs together, as the file itself calls them."""
    found = list(runs)
    return {
        "requests": sum(run.requests for run in found),
        "finished_in_elite": sum(run.finished for run in found),
    }


def sum_runs(runs: Sequence[Run], label: str) -> Run:
    """Several runs as one: counts added, sizes of the first, high-water marks of the highest."""
    hits: dict[tuple[str, str, int], int] = {}
    for run in runs:
        for deopt in run.deopts:
            key = (deopt.name, deopt.file, deopt.line)
            hits[key] = hits.get(key, 0) + deopt.hits
    first = runs[0]
    return Run(
        label,
        " and ".join(sorted({run.elite for run in runs})),
        " and ".join(sorted({run.mode for run in runs})),
        sum(run.requests for run in runs),
        sum(run.finished for run in runs),
        _frequent_first(Deopt(*key, count) for key, count in hits.items()),
        first.elite_text,
        first.text,
        {k: max(run.slots.get(k, 0) for run in runs) for k in first.slots},
        {k: max(run.ring.get(k, 0) for run in runs) for k in first.ring},
        sum(run.entries for run in runs),
        sum(run.shut_out for run in runs),
        next((run.why for run in runs if run.shut_out), ""),
    )


@dataclass(frozen=True)
class DeoptLine:
    """All deopts at one line of the source. names: the sites there, the most frequent first."""

    file: str
    line: int
    hits: int
    names: tuple[str, ...]


def by_line(deopts: Sequence[Deopt]) -> list[DeoptLine]:
    """Deopts by line, the most frequent first."""
    places: dict[tuple[str, int], list[Deopt]] = {}
    for deopt in deopts:
        places.setdefault((deopt.file, deopt.line), []).append(deopt)
    lines = [
        DeoptLine(
            file,
            line,
            sum(d.hits for d in found),
            tuple(dict.fromkeys(d.name for d in sorted(found, key=lambda d: -d.hits))),
        )
        for (file, line), found in places.items()
    ]
    return sorted(lines, key=lambda row: (-row.hits, row.file, row.line))
