# SPDX-License-Identifier: GPL-2.0-only
"""How much stack a request may need: the frames of the program that was linked, along its calls.

Read from the machine code, so that all units count alike: specialised ones, plain ones, archives.
What is called through a pointer is not followed, arrays of variable length have no size here, and
a recursion counts once.
"""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.model.sites import Function

KIB = 1024
_ROOTS = ("lp_request_fallback", "lp_request_elite")
_NEAR = 2  # a warning from this part of the stack on
_NAMED = 16  # functions that take this part of it are named
# As c_runtime/dispatch/slot_map.c has it.
_LEAST, _MOST, _UNLIMITED = 256 * KIB, 1024 * KIB * KIB, 256 * KIB * KIB

_HEAD = re.compile(r"^([0-9a-f]+) <.*>:$")
_GROWS = re.compile(r"^(?:sub\s+\$0x([0-9a-f]+),%r(sp|11)|lea\s+-0x([0-9a-f]+)\(%rsp\),%r(sp|11))")
_ADDS = re.compile(r"^add\s+\$0xffffffff([0-9a-f]{8}),%rsp")
_CALL = re.compile(r"^(?:call|jmp)q?\s+([0-9a-f]+) <[^+>]*>")
_PART = re.compile(r"\.(?:lp_\w+|cold|part|isra|constprop|lto_priv)(?:\.\d+)?")


@dataclass(frozen=True)
class Frame:
    """A function's machine code: its name (empty: it has none), the bytes of stack that its frame
    takes, and whom it calls, by address."""

    name: str
    size: int
    calls: tuple[int, ...]


@dataclass(frozen=True)
class Deep:
    """A chain of calls that comes near the end of a request's stack, outermost first, with each
    function's bytes. file, line: of the largest frame; None where its source is not ours."""

    chain: tuple[tuple[str, int], ...]
    bytes: int
    stack: int
    file: str | None
    line: int | None
    by_pointer: bool

    @property
    def largest(self) -> tuple[str, int]:
        """The function with the largest frame, and that frame's bytes."""
        return max(self.chain, key=lambda link: link[1])

    def describe(self, fixed: bool) -> str:
        """A warning; fixed: lp.toml says how large stacks are."""
        name, size = self.largest
        way = " → ".join(
            f"{link} {frame // KIB} KiB" if frame >= self.stack // _NAMED else link
            for link, frame in self.chain
        )
        called = "if a request calls it by a pointer, that" if self.by_pointer else "a request"
        where = "`stack_size` in lp.toml" if fixed else "`ulimit -s`, here"
        remedy = (
            f"give `stack_size` at least {-(-2 * self.bytes // (64 * KIB)) * 64 * KIB}, or none"
            if fixed
            else "start the program with a larger `ulimit -s`, or give `stack_size` in lp.toml"
        )
        message = (
            f"{name} takes {size // KIB} KiB of stack: {called} may need {self.bytes // KIB} KiB "
            f"({way}), and has {self.stack // KIB} by {where}"
        )
        return str(LakePlacidError(message, file=self.file, line=self.line, remedy=remedy))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "file": self.file,
            "line": self.line,
            "function": self.largest[0],
            "bytes": self.bytes,
            "stack": self.stack,
            "chain": [list(link) for link in self.chain],
            "by_pointer": self.by_pointer,
        }


def stack_of_requests(config: Config) -> int:
    """Bytes of stack that a request has, if the program is started with the limits that we have."""
    limit = resource.getrlimit(resource.RLIMIT_STACK)[0]
    if config.stack_size:
        return config.stack_size
    if limit == resource.RLIM_INFINITY:
        return _UNLIMITED
    return min(max(limit, _LEAST), _MOST)


def deep_requests(
    program: Path, stack: int, functions: Mapping[str, Sequence[Function]]
) -> list[Deep]:
    """Where a request of a specialised program comes near the end of `stack` bytes: the deepest
    chain from the request function, and large frames that only a pointer leads to.

    functions: the captured ones by name. Raises LakePlacidError where the program can't be read; a
    program without symbols has no frames that could be named, and no warnings.
    """
    symbols = _symbols(program)
    frames = _frames(program, symbols)
    roots = [address for address, names in symbols.items() if set(names) & set(_ROOTS)]
    started = [
        address for address, names in symbols.items() if "main" in names or "_start" in names
    ]
    depths = _Depths(frames)
    found = []
    chains = [depths.chain(root) for root in roots if root in frames]
    if chains:
        found.append((max(chains, key=_total), False))
    inside = _reached(frames, [*roots, *started])
    # Not the runtime's own functions, nor a library's that is linked in.
    outside = (at for at, one in frames.items() if at not in inside and one.name in functions)
    pointed = {at: depths.chain(at) for at in outside}
    # Of two such where one calls the other, the outer one is enough.
    called = {target for at in pointed for target in frames[at].calls}
    found += [(chain, True) for at, chain in pointed.items() if at not in called]
    deep: dict[tuple[str, int], Deep] = {}
    for chain, by_pointer in found:
        size = _total(chain)
        if not chain or size * _NEAR < stack:
            continue
        source = functions.get(max(chain, key=lambda link: link[1])[0], ())
        file, line = (source[0].file, source[0].line) if len(source) == 1 else (None, None)
        one = Deep(tuple(chain), size, stack, file, line, by_pointer)
        # Once for each large frame; Elite's copy and the Fallback's are the same.
        deep.setdefault(one.largest, one)
    return list(deep.values())


def _total(chain: Iterable[tuple[str, int]]) -> int:
    return sum(size for _, size in chain)


def _symbols(program: Path) -> dict[int, list[str]]:
    """The functions' names by address."""
    found: dict[int, list[str]] = {}
    with program.open("rb") as handle:
        table: Any = ELFFile(handle).get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table is not None else ():
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_value"]:
                found.setdefault(symbol["st_value"], []).append(symbol.name)
    return found


def _name(names: Sequence[str]) -> str:
    """What a function is called in its source."""
    ours = sorted(names, key=lambda name: (name.startswith(("lp_", "_")), len(name)))
    return _PART.sub("", ours[0]) if ours else ""


@dataclass
class _Reading:
    """A function whose code is being read."""

    size: int = 8  # its return address
    calls: set[int] = field(default_factory=set)
    probes: bool = False


def _frames(program: Path, symbols: Mapping[int, Sequence[str]]) -> dict[int, Frame]:
    command = ["objdump", "-d", "--no-show-raw-insn", "-w", str(program)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, errors="replace")
    except (OSError, subprocess.CalledProcessError) as error:
        raise LakePlacidError(
            f"its frames can't be read: {error}", file=str(program), remedy="install binutils"
        ) from error
    reading: dict[int, _Reading] = {}
    here = _Reading()
    for row in done.stdout.splitlines():
        head = _HEAD.match(row)
        if head:
            here = reading.setdefault(int(head[1], 16), _Reading())
            continue
        _, _, text = row.partition(":\t")
        if text.startswith("push"):
            here.size += 8
        elif grows := _GROWS.match(text):
            # Where each page is touched, %r11 says how far, and a loop goes there by pages.
            if not (here.probes and grows[1] == "1000"):
                here.size += int(grows[1] or grows[3], 16)
            here.probes = "11" in (grows[2], grows[4])
        elif adds := _ADDS.match(text):
            here.size += (1 << 32) - int(adds[1], 16)
        elif call := _CALL.match(text):
            here.calls.add(int(call[1], 16))
    return {
        at: Frame(_name(symbols.get(at, ())), one.size, tuple(sorted(one.calls - {at})))
        for at, one in reading.items()
    }


def _reached(frames: Mapping[int, Frame], roots: Iterable[int]) -> set[int]:
    seen: set[int] = set()
    ahead = list(roots)
    while ahead:
        at = ahead.pop()
        if at not in seen and at in frames:
            seen.add(at)
            ahead += frames[at].calls
    return seen


class _Depths:
    """The deepest chain below each function, each computed once."""

    def __init__(self, frames: Mapping[int, Frame]) -> None:
        self.frames = frames
        self.below: dict[int, int] = {}
        self.next: dict[int, int | None] = {}

    def chain(self, root: int) -> list[tuple[str, int]]:
        """Functions and their frames from `root` inwards."""
        self._measure(root)
        found = []
        at: int | None = root
        seen: set[int] = set()
        while at is not None and at not in seen:
            seen.add(at)
            frame = self.frames[at]
            if frame.name or frame.size >= KIB:
                found.append((frame.name or "?", frame.size))
            at = self.next[at]
        return found

    def _measure(self, root: int) -> None:
        """Depth first without recursion of our own: chains are longer than Python's stack."""
        ahead = [(root, False)]
        open_: set[int] = set()
        while ahead:
            at, done = ahead.pop()
            if done:
                inner = [c for c in self.frames[at].calls if c in self.below]
                deepest = max(inner, key=lambda c: self.below[c], default=None)
                self.next[at] = deepest
                self.below[at] = self.frames[at].size + (self.below[deepest] if deepest else 0)
                open_.discard(at)
            elif at not in self.below and at not in open_:
                open_.add(at)
                ahead.append((at, True))
                ahead += [(c, False) for c in self.frames[at].calls if c in self.frames]
