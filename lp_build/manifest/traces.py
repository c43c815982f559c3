# SPDX-License-Identifier: GPL-2.0-only
"""Trace files of scouted programs (written by c_runtime/scout/scout.c, which has the format)."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.formats import TRACE
from lp_build.model.sites import ScoutTable, name_versions

_MAGIC = b"LPTRACE1"
# struct lp_trace_head of c_runtime/scout/trace_file.h, then struct trace_header of scout/scout.c.
_HEADER = struct.Struct("<8sIIQQII256sQIIII")
_RECORD = struct.Struct("<IIQIIII")
_CLASS, _TARGET, _TURN = 1, 2, 3
REQUEST, ITERATION, _BEFORE = 0, 1, 2


@dataclass(frozen=True)
class PathClass:
    """Requests (kind 0) or loop iterations (kind 1) with equal paths. arms: names of all arms that
    were taken, as `file:function:ordinal:arm`, and `file:function` for a function's entry. In a
    `Trace`, a function that the program has in several versions is named `file:function#digest`.
    calls: names of the calls that were made (`model.Function.calls`), as `file:function:call<n>`,
    and of what was called by pointers, as `file:function:ordinal=symbol`."""

    kind: int
    arms: frozenset[str]
    count: int
    calls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Turn:
    """Requests of the class with this index that began when their iteration of the loop had taken
    the arms and made the calls of `before`, requests before them included; None: not known."""

    request: int
    before: PathClass | None
    count: int


@dataclass(frozen=True)
class Target:
    """A function that an indirect call was seen to call; symbol: `file.c:name` or `name`."""

    site: str
    symbol: str
    count: int


@dataclass(frozen=True)
class Trace:
    """One file: what a process saw, and all that were forked from it. warnings: what could not be
    read, and processes that could not write. modified: when the file was written last, in
    nanoseconds since the epoch. begun: whether any request ever began. program: the
    build id (hexadecimal) of the program that it is of; "" where that is not known."""

    path: Path
    tables: tuple[ScoutTable, ...]
    classes: tuple[PathClass, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]
    modified: int = 0
    begun: bool = False
    program: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each function, by its name in this trace, as this process was built."""
        return {name: digest for (_, digest), name in self.names.items()}

    @property
    def names(self) -> dict[tuple[str, str], str]:
        """The name of each function in this trace, by key and digest."""
        return name_versions(f for table in self.tables for f in table.functions)


def find_traces(places: Iterable[Path]) -> list[Path]:
    """The trace files among and below `places`. Raises LakePlacidError when there are none."""
    files: list[Path] = []
    names = list(places)
    known: set[Path] = set()
    for place in names:
        if place.is_dir():
            found = sorted(place.rglob("*.lpt"))
        elif place.exists():
            found = [place]
        else:
            raise LakePlacidError(
                "there is no such trace", file=str(place), remedy="check the path"
            )
        # A file that is named twice would count twice.
        files += [path for path in found if path.resolve() not in known]
        known.update(path.resolve() for path in found)
    if not files:
        closed = [place for place in names if place.is_dir() and not _open_to_all(place)]
        raise LakePlacidError(
            "no traces: no scouted program has run a request there"
            + (
                "; and users other than the folder's owner cannot begin one there" if closed else ""
            ),
            file=", ".join(map(str, names)),
            remedy="build with `lp-wrap --phase scout`, then run the program under a typical load. "
            "One that cannot write says why on its standard error when it starts"
            + (
                "; where it runs as another user, set LP_TRACE_DIR to a folder of that user"
                if closed
                else ""
            ),
        )
    return files


def _open_to_all(folder: Path) -> bool:
    return folder.stat().st_mode & 0o1777 == 0o1777


def read_traces(places: Sequence[Path]) -> list[Trace]:
    """Read all trace files among and below `places`."""
    reader = TraceReader()
    return [reader.read(path) for path in find_traces(places)]


def _checksum(data: bytes) -> int:
    total = 2166136261
    for byte in data:
        total = ((total ^ byte) * 16777619) & 0xFFFFFFFF
    return total


@dataclass(frozen=True)
class _Tables:
    """What a program's tables say: arms, calls and icalls are stable names by number."""

    tables: tuple[ScoutTable, ...]
    arms: dict[int, str]
    calls: dict[int, str]
    icalls: dict[int, str]
    program: str = ""

    @classmethod
    def parse(cls, text: bytes) -> _Tables | None:
        """None: they are cut off or damaged."""
        try:
            units = json.loads(text)
            tables = tuple(ScoutTable.from_json(unit["table"]) for unit in units)
            program = str(units[0].get("program", "")) if units else ""
            return cls(tables, *_names(units, tables), program)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None


class TraceReader:
    """Reads any number of files. Processes of one program leave equal tables, which may be as large
    as the rest: they are parsed once, and what is read of them is shared."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, _Tables | None] = {}

    def read(self, path: Path) -> Trace:
        """Read one file. What is cut off or damaged is left out, with a warning; raises
        LakePlacidError for a file that can't be read, is not a trace, or of another version."""
        try:
            data, modified = _read_used(path)
        except OSError as error:
            raise LakePlacidError(
                f"cannot read the trace: {error.strerror}",
                file=str(path),
                remedy="make it readable, or leave it out",
            ) from error
        # The header is written when the tables stand: before, there are zeros in its place.
        magic = data[:8]
        if not magic.strip(b"\0") or (len(data) < _HEADER.size and _MAGIC.startswith(magic)):
            return _nothing(
                path, "cut off before its first record, or its process ended at its start"
            )
        if magic != _MAGIC:
            raise LakePlacidError("not a trace file", file=str(path), remedy="leave it out")
        _, version, _, tables_size, _, _, failed, failure, used, arms, _, begun, _ = (
            _HEADER.unpack_from(data)
        )
        if version != TRACE:
            raise LakePlacidError(
                f"a trace of version {version}, where this tool reads {TRACE}",
                file=str(path),
                remedy="scout again with this version",
            )
        start = _HEADER.size
        parsed = self._tables(data[start : start + tables_size])
        if parsed is None:
            return _nothing(path, "its tables are cut off or damaged: nothing in it can be used")
        records = _Records(path, data, min(used, len(data)), parsed, arms)
        if used > len(data):
            records.warn(f"cut off: {used - len(data)} bytes are missing")
        if failed:
            said = failure.partition(b"\0")[0].decode("utf-8", "replace")
            records.warn(f"process {failed} stopped scouting: {said}")
        records.read((start + tables_size + 7) & ~7)
        return Trace(
            path,
            parsed.tables,
            tuple(records.classes),
            tuple(records.targets),
            tuple(records.warnings),
            modified,
            bool(begun),
            parsed.program,
            tuple(records.turns),
        )

    def _tables(self, text: bytes) -> _Tables | None:
        if text not in self._parsed:
            self._parsed[text] = _Tables.parse(text)
        return self._parsed[text]


def _read_used(path: Path) -> tuple[bytes, int]:
    """A file as far as it is used, and when it was written last: while a program runs, or if it was
    killed, its trace is longer."""
    with path.open("rb") as file:
        data = file.read(_HEADER.size)
        if len(data) == _HEADER.size and data.startswith(_MAGIC):
            data += file.read(max(0, _HEADER.unpack(data)[8] - len(data)))
        return data, os.fstat(file.fileno()).st_mtime_ns


def _nothing(path: Path, why: str) -> Trace:
    return Trace(path, (), (), (), (f"{path}: {why}",))


class _Records:
    """Reads the records of one file up to `end`, and keeps what is whole."""

    def __init__(self, path: Path, data: bytes, end: int, tables: _Tables, arms: int) -> None:
        self.path = path
        self.data = data
        self.end = end
        self.arms = tables.arms
        self.calls = dict(tables.calls)
        self.first_target = self.next_target = arms
        self.icalls = tables.icalls
        self.classes: list[PathClass] = []
        self.turns: list[Turn] = []
        self.requests: dict[int, int] = {}  # indices of classes by offset / 8
        self.befores: dict[int, PathClass] = {}
        self.targets: list[Target] = []
        self.warnings: list[str] = []

    def warn(self, what: str) -> None:
        """Note something that is left out."""
        self.warnings.append(f"{self.path}: {what}")

    def read(self, offset: int) -> None:
        """All records from `offset` on. After one whose size can't be, nothing can be found."""
        while offset < self.end:
            head = self.data[offset : min(offset + _RECORD.size, self.end)]
            size = _RECORD.unpack(head)[1] if len(head) == _RECORD.size else 0
            if size < _RECORD.size or offset + size > self.end:
                self.warn(
                    f"cut off or damaged: {self.end - offset} bytes from byte {offset} on are "
                    "left out"
                )
                return
            if not self._record(offset, head, self.data[offset + _RECORD.size : offset + size]):
                self.warn(f"a damaged record at byte {offset} is left out")
            offset = (offset + size + 7) & ~7

    def _record(self, offset: int, head: bytes, body: bytes) -> bool:
        type_, size, count, kind, length, checksum, head_checksum = _RECORD.unpack(head)
        self.next_target += type_ == _TARGET
        fields = struct.pack("<IIII", type_, size, kind, length)
        if not head_checksum:
            return True  # its process ended while it wrote
        # A count has no checksum: it changes all the time.
        if head_checksum != (_checksum(fields) or 1):
            return False
        if _checksum(body) != checksum:
            return False
        if type_ == _CLASS and kind in (REQUEST, ITERATION, _BEFORE) and len(body) == 4 * length:
            found = self._class(kind, count, struct.unpack(f"<{length}I", body))
            if found is None:
                return False
            if kind == _BEFORE:
                self.befores[offset // 8] = found
            else:
                self.requests[offset // 8] = len(self.classes)
                self.classes.append(found)
            return True
        if type_ == _TURN and len(body) == 8 and length == 2:
            request, before = struct.unpack("<2I", body)
            # A class that was damaged is left out already.
            if request in self.requests:
                turn = Turn(self.requests[request], self.befores.get(before), count)
                self.turns.append(turn)
            return True
        if type_ == _TARGET and kind in self.icalls and len(body) == length:
            symbol = body.decode("utf-8", "replace")
            self.calls[self.next_target - 1] = f"{self.icalls[kind]}={symbol}"
            self.targets.append(Target(self.icalls[kind], symbol, count))
            return True
        return False

    def _class(self, kind: int, count: int, numbers: Sequence[int]) -> PathClass | None:
        """The class whose arms and calls have these numbers; None if there are no such numbers."""
        arms, calls = [], []
        for number in numbers:
            name = self.arms.get(number)
            if name is not None:
                arms.append(name)
            elif number in self.calls:
                calls.append(self.calls[number])
            elif number < self.first_target:
                return None
        return PathClass(kind, frozenset(arms), count, frozenset(calls))


def _names(
    units: Sequence[dict[str, int]], tables: Sequence[ScoutTable]
) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    """The stable names of arms, of calls and of indirect calls' sites, by their numbers here."""
    known_as = name_versions(f for table in tables for f in table.functions)
    arms: dict[int, str] = {}
    calls: dict[int, str] = {}
    icalls: dict[int, str] = {}
    for unit, table in zip(units, tables, strict=True):
        base, icall_base = int(unit["base"]), int(unit["icall_base"])
        for function, entry, first, (call, count) in zip(
            table.functions, table.entries, table.first, table.calls, strict=True
        ):
            known = known_as[function.key, function.digest]
            arms[base + entry] = known
            calls.update((base + call + n, f"{known}:call{n}") for n in range(count))
            for site, index in zip(function.sites, first, strict=True):
                name = f"{known}:{site.ordinal}"
                if site.kind == "icall":
                    icalls[icall_base + index] = name
                for number, arm in enumerate(site.arms):
                    arms[base + index + number] = f"{name}:{arm.name}"
    return arms, calls, icalls
