# SPDX-License-Identifier: GPL-2.0-only
"""The counters of a running process, read out of its memory (c_runtime/statistics/live.h says where
they are): the process does not notice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lp_build.errors import LakePlacidError
from lp_build.formats import LIVE
from lp_build.model import abi
from lp_build.statistics import Deopt

_SECTION = "lp_live"
_MAGIC = b"LPLIVE\0\0"
_LONGEST = 4096  # bytes of a name
_PROC = Path("/proc")


class GoneError(Exception):
    """The process has ended, or become another program."""


@dataclass(frozen=True)
class Live:
    """struct lp_live's fields, in their order."""

    magic: bytes
    version: int
    bytes: int
    elite: int
    mode: int
    slots: int
    slots_used: int
    slot_stride: int
    slot_count: int
    counts: int
    entries: int
    sites: int
    sites_end: int
    ring: int
    ring_out: int
    ring_in: int
    ring_size: int
    shut_out: int
    slot_caller_rsp: int
    slot_requests: int
    slot_deopted: int
    slot_deopted_request: int
    site_size: int
    site_name: int
    site_file: int
    site_line: int
    site_hits: int
    reserved: int


@dataclass(frozen=True)
class Snapshot:
    """A process's counters at one moment, all since it began.

    elite: "off", "inprocess" or "kernel", "" while it starts; requests: begun in Elite; finished:
    that did not leave it (yet). ring_used: None where there is no ring. shut_out: threads that
    wanted into the kernel and stay in user space; why: what kept the first of them out. deopts:
    only sites that were taken.
    """

    elite: str
    mode: str
    requests: int
    finished: int
    slots_used: int
    slots: int
    slots_most: int
    slot_waits: int
    ring_used: int | None
    ring: int
    ring_most: int
    ring_waits: int
    queued: int
    entries: int
    shut_out: int
    why: str
    deopts: tuple[Deopt, ...]


class Process:
    """A specialised program that runs. Raises LakePlacidError where we may not look, or it is of
    another version; GoneError when it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.program = program_of(pid) or ""
        address = live_address(_PROC / str(pid) / "exe")
        if address is None:
            raise LakePlacidError(
                f"process {pid} is no specialised program",
                file=self.program or None,
                remedy="`lp build` makes one; older ones have to be built again",
            )
        self._address = address
        self._texts: dict[int, str] = {}
        try:
            self._memory = os.open(_PROC / str(pid) / "mem", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise GoneError from error
        except PermissionError as error:
            raise LakePlacidError(
                f"process {pid} may not be looked at",
                file=self.program,
                remedy="run `lp top` as root; for processes of your own, "
                "`sysctl kernel.yama.ptrace_scope=0` allows it too",
            ) from error

    def close(self) -> None:
        """Look no more."""
        os.close(self._memory)

    def look(self) -> Snapshot:
        """The counters now. Raises GoneError when the process has ended."""
        live = Live(*abi.LIVE.unpack(self._read(self._address, abi.LIVE.size)))
        if live.magic != _MAGIC:
            raise GoneError
        if live.version != LIVE or live.bytes != abi.LIVE.size:
            raise LakePlacidError(
                f"process {self.pid} was built by another version of LakePlacid",
                file=self.program,
                remedy="build it again with `lp build`",
            )
        requests, finished, used = self._slots(live)
        slot_counts = abi.SLOT_COUNTS.unpack(self._read(live.counts, abi.SLOT_COUNTS.size))
        _, most, _, _, waits, own_stack = slot_counts
        ring_most = ring_waits = queued = 0
        if live.ring:
            counts = self._read(live.ring, abi.RING_COUNTS.size)
            ring_most, ring_waits, queued = abi.RING_COUNTS.unpack(counts)
        shut_out, why = abi.SHUT_OUT.unpack(self._read(live.shut_out, abi.SHUT_OUT.size))
        return Snapshot(
            elite=self._text(live.elite),
            mode=self._text(live.mode),
            requests=requests + own_stack,
            finished=finished,
            slots_used=used,
            slots=live.slot_count,
            slots_most=most,
            slot_waits=waits,
            ring_used=max(0, self._word(live.ring_in) - self._word(live.ring_out))
            if live.ring
            else None,
            ring=live.ring_size,
            ring_most=ring_most,
            ring_waits=ring_waits,
            queued=queued,
            entries=self._word(live.entries),
            shut_out=shut_out,
            why=why.partition(b"\0")[0].decode("utf-8", "replace"),
            deopts=tuple(self._deopts(live)),
        )

    def _slots(self, live: Live) -> tuple[int, int, int]:
        """Requests, those of them that have not left Elite, and slots in use; as
        statistics/stats.c sums them up."""
        requests = others = used = 0
        if not live.slots:
            return 0, 0, 0
        words = self._read(live.slots_used, (live.slot_count + 63) // 64 * 8)
        known = int.from_bytes(words, "little")
        for number in range(live.slot_count):
            if not known >> number & 1:
                continue
            head = self._read(live.slots + number * live.slot_stride, _head_size(live))
            began = _word_at(head, live.slot_requests)
            requests += began
            others += _word_at(head, live.slot_deopted)
            if not _word_at(head, live.slot_caller_rsp):
                continue
            used += 1
            if _word_at(head, live.slot_deopted_request) != began:
                others += 1
        return requests, max(0, requests - others), used

    def _deopts(self, live: Live) -> Iterator[Deopt]:
        """Instances of a site count together."""
        sites = self._read(live.sites, live.sites_end - live.sites) if live.sites else b""
        hits: dict[tuple[int, int, int], int] = {}
        for start in range(0, len(sites), live.site_size):
            count = _word_at(sites, start + live.site_hits)
            if count:
                name = _word_at(sites, start + live.site_name)
                file = _word_at(sites, start + live.site_file)
                line = int.from_bytes(
                    sites[start + live.site_line : start + live.site_line + 4], "little"
                )
                hits[name, file, line] = hits.get((name, file, line), 0) + count
        for (name, file, line), count in hits.items():
            yield Deopt(self._text(name), self._text(file), line, count)

    def _text(self, address: int) -> str:
        """A C string of the program's; they never change."""
        if not address:
            return ""
        if address not in self._texts:
            data = b""
            while b"\0" not in data and len(data) < _LONGEST:
                # Up to the end of the page: the next one may not be there.
                data += self._read(address + len(data), 64 - (address + len(data)) % 64)
            self._texts[address] = data.partition(b"\0")[0].decode("utf-8", "replace")
        return self._texts[address]

    def _word(self, address: int) -> int:
        return int.from_bytes(self._read(address, 8), "little")

    def _read(self, address: int, size: int) -> bytes:
        try:
            data = os.pread(self._memory, size, address)
        except OSError as error:
            raise GoneError from error
        if len(data) != size:
            raise GoneError
        return data


def _head_size(live: Live) -> int:
    fields = (
        live.slot_caller_rsp,
        live.slot_requests,
        live.slot_deopted,
        live.slot_deopted_request,
    )
    return max(fields) + 8


def _word_at(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def program_of(pid: int) -> str | None:
    """The path of the program that a process runs; None when it can't be told."""
    try:
        return os.readlink(_PROC / str(pid) / "exe").removesuffix(" (deleted)")
    except OSError:
        return None


def live_address(program: Path) -> int | None:
    """Where a program has section lp_live; None where it has none, or can't be read."""
    try:
        with program.open("rb") as handle:
            section: Any = ELFFile(handle).get_section_by_name(_SECTION)
            return int(section["sh_addr"]) if section is not None else None
    except (OSError, ELFError):
        return None


def specialised_processes() -> list[tuple[int, str]]:
    """The processes of specialised programs on this machine, with their programs."""
    known: dict[tuple[int, int], bool] = {}
    found = []
    for folder in sorted(_PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        pid = int(folder.name)
        program = program_of(pid)
        if program is None:
            continue
        try:
            status = (folder / "exe").stat()
        except OSError:
            continue
        file = (status.st_dev, status.st_ino)
        if file not in known:
            known[file] = live_address(folder / "exe") is not None
        if known[file]:
            found.append((pid, program))
    return found
