"""Trace files of scouted programs (written by c_runtime/scout/lp_scout.c, which has the format)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.source.model import ScoutTable

_MAGIC = b"LPTRACE1"
_HEADER = struct.Struct("<8sIIQQII")
_RECORD = struct.Struct("<IIQIIII")
_VERSION = 1
_CLASS, _TARGET = 1, 2
REQUEST, ITERATION = 0, 1


@dataclass(frozen=True)
class PathClass:
    """Requests (kind 0) or loop iterations (kind 1) with equal paths. arms: names of all arms that
    were taken, as `file:function:ordinal:arm`, and `file:function` for a function's entry."""

    kind: int
    arms: frozenset[str]
    count: int


@dataclass(frozen=True)
class Target:
    """A function that an indirect call was seen to call; symbol: `file.c:name` or `name`."""

    site: str
    symbol: str
    count: int


@dataclass(frozen=True)
class Trace:
    """One file: what a process saw. warnings: what could not be read."""

    path: Path
    tables: tuple[ScoutTable, ...]
    classes: tuple[PathClass, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each function, by key, as this process was built."""
        return {f.key: f.digest for table in self.tables for f in table.functions}


def find_traces(places: Iterable[Path]) -> list[Path]:
    """The trace files among and below `places`. Raises LakePlacidError when there are none."""
    files: list[Path] = []
    names = list(places)
    for place in names:
        if place.is_dir():
            files += sorted(place.rglob("*.lpt"))
        elif place.exists():
            files.append(place)
        else:
            raise LakePlacidError(
                "there is no such trace", file=str(place), remedy="check the path"
            )
    if not files:
        raise LakePlacidError(
            "no traces",
            file=", ".join(map(str, names)),
            remedy="build with `lp-wrap --phase scout`, then run the program under a typical load",
        )
    return files


def read_traces(places: Sequence[Path]) -> list[Trace]:
    """Read all trace files among and below `places`."""
    return [read_trace(path) for path in find_traces(places)]


def _checksum(data: bytes) -> int:
    total = 2166136261
    for byte in data:
        total = ((total ^ byte) * 16777619) & 0xFFFFFFFF
    return total


def read_trace(path: Path) -> Trace:
    """Read one file. What is cut off or damaged is left out, with a warning; raises
    LakePlacidError for a file that is not a trace, or whose head is not whole."""
    data = path.read_bytes()
    if len(data) < _HEADER.size or data[:8] != _MAGIC:
        if not data.strip(b"\0"):
            return Trace(path, (), (), (), (f"{path}: empty: its process ended at its start",))
        raise LakePlacidError("not a trace file", file=str(path), remedy="remove it")
    _, version, _, tables_size, used, _, _ = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise LakePlacidError(
            f"a trace of version {version}, where this tool reads {_VERSION}",
            file=str(path),
            remedy="scout again with this version",
        )
    start = _HEADER.size
    try:
        units = json.loads(data[start : start + tables_size])
        tables = [ScoutTable.from_json(unit["table"]) for unit in units]
    except (ValueError, KeyError, TypeError):
        warning = f"{path}: cut off before its first record: nothing in it can be used"
        return Trace(path, (), (), (), (warning,))
    arms, icalls = _names(units, tables)
    classes: list[PathClass] = []
    targets: list[Target] = []
    warnings: list[str] = []
    offset = (start + tables_size + 7) & ~7
    end = min(used, len(data))
    if used > len(data):
        warnings.append(f"{path}: cut off: {used - len(data)} bytes are missing")
    while offset + _RECORD.size <= end:
        kind_of, size, count, kind, length, checksum, _ = _RECORD.unpack_from(data, offset)
        body = data[offset + _RECORD.size : offset + size]
        if size < _RECORD.size or offset + size > end:
            break
        if _checksum(body) != checksum:
            warnings.append(f"{path}: a damaged record at byte {offset} is left out")
        elif kind_of == _CLASS:
            numbers = struct.unpack(f"<{length}I", body)
            classes.append(PathClass(kind, frozenset(arms[n] for n in numbers), count))
        elif kind_of == _TARGET:
            symbol = body.decode("utf-8", "replace")
            targets.append(Target(icalls[kind], symbol, count))
        offset = (offset + size + 7) & ~7
    return Trace(path, tuple(tables), tuple(classes), tuple(targets), tuple(warnings))


def _names(
    units: Sequence[dict[str, int]], tables: Sequence[ScoutTable]
) -> tuple[dict[int, str], dict[int, str]]:
    """The stable names of arms and of indirect calls, by their numbers in this process."""
    arms: dict[int, str] = {}
    icalls: dict[int, str] = {}
    for unit, table in zip(units, tables, strict=True):
        base, icall_base = int(unit["base"]), int(unit["icall_base"])
        for function, entry, first in zip(table.functions, table.entries, table.first, strict=True):
            arms[base + entry] = function.key
            for site, index in zip(function.sites, first, strict=True):
                name = f"{function.key}:{site.ordinal}"
                if site.kind == "icall":
                    icalls[icall_base + index] = name
                for number, arm in enumerate(site.arms):
                    arms[base + index + number] = f"{name}:{arm.name}"
    return arms, icalls
