"""`lp.toml`: what the user decides about a program."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MODES = ("wait", "queue")
ALLOCATORS = ("lakeplacid", "system")
CANCELLATIONS = ("honoured", "unused")


@dataclass(frozen=True)
class Config:
    """The decisions in `lp.toml`; units are in the field comments.

    request: the function that runs once a request, as `name` or `file.c:name`.
    loop: the function whose loop calls it (optional): Elite is entered at its loop heads.
    threshold: share of requests (0 to 1) that the Elite code is to cover.
    unknown: functions, named likewise, whose conditionals turn on the time or on chance: wherever
        one is Elite, both arms of each are.
    stack_size: bytes of one stack slot (a multiple of the page size); 0: as much as a thread has.
    stack_count: slots.
    mode: "wait" (the caller gets the Fallback's real result) or "queue" (thesis 3.3).
    queue_value: what a queued request returns to its caller.
    ring_size: entries of the ring buffer, a power of two.
    workers: Fallback threads that take queued requests.
    allocator: "lakeplacid" (one heap that both sides can run) or "system".
    busy_poll: microseconds that Elite in the kernel looks for input before it sleeps for it.
    cancellation: "honoured" (in a program that calls pthread_cancel, user space makes the calls
        that wait) or "unused" (no thread with requests is ever cancelled: the kernel makes them).
    """

    request: str
    loop: str | None = None
    threshold: float = 0.99
    unknown: Sequence[str] = ()
    stack_size: int = 0
    stack_count: int = 64
    mode: str = "wait"
    queue_value: int = 0
    ring_size: int = 256
    workers: int = 2
    allocator: str = "lakeplacid"
    busy_poll: int = 0
    cancellation: str = "honoured"

    @property
    def request_name(self) -> str:
        """The request function's name without its file."""
        return self.request.rpartition(":")[2]

    @property
    def loop_name(self) -> str | None:
        """The loop function's name without its file."""
        return self.loop.rpartition(":")[2] if self.loop else None


def is_function(wanted: str | None, file: str, name: str) -> bool:
    """Tell whether function `name` of source `file` is the one that `wanted` names.

    `wanted` is `name` or `path.c:name`; a path matches by its trailing components.
    """
    if wanted is None:
        return False
    want_file, _, want_name = wanted.rpartition(":")
    if want_name != name:
        return False
    return not want_file or f"/{file}".endswith(f"/{want_file.lstrip('./')}")


_TYPES: dict[str, type | tuple[type, ...]] = {
    "request": str,
    "loop": str,
    "threshold": (int, float),
    "unknown": list,
    "stack_size": int,
    "stack_count": int,
    "mode": str,
    "queue_value": int,
    "ring_size": int,
    "workers": int,
    "allocator": str,
    "busy_poll": int,
    "cancellation": str,
}


def load_config(path: Path) -> Config:
    """Read and check `lp.toml`. Raises LakePlacidError for a missing file, an unknown key, a wrong
    type or a value out of range, naming file, line and remedy."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LakePlacidError(
            f"cannot read the configuration: {error.strerror}",
            file=str(path),
            remedy="let `lp init` propose one, after a survey (`lp-wrap make`, a run under load); "
            'or write it, at least: request = "function_that_handles_one_request"',
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LakePlacidError(
            f"not valid TOML: {error}", file=str(path), remedy="mend the syntax"
        ) from error
    return _checked(data, text, path)


def line_of_key(text: str, key: str) -> int:
    """The line of lp.toml's text that sets a key; the first if none does."""
    rows = enumerate(text.splitlines(), 1)
    return next((number for number, row in rows if row.lstrip().startswith(key)), 1)


def _checked(data: dict[str, Any], text: str, path: Path) -> Config:
    def fail(key: str, message: str, remedy: str) -> LakePlacidError:
        line = line_of_key(text, key)
        return LakePlacidError(message, file=str(path), line=line, remedy=remedy)

    known = [field.name for field in fields(Config)]
    for key, value in data.items():
        if key not in _TYPES:
            raise fail(key, f"unknown key `{key}`", f"known keys are: {', '.join(known)}")
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
            raise fail(key, f"`{key}` has the wrong type", f"see the reference for `{key}`")
    if not all(isinstance(name, str) for name in data.get("unknown", ())):
        raise fail("unknown", "`unknown` has the wrong type", "give a list of functions' names")
    if "request" not in data:
        raise fail("request", "`request` is missing", "name the function that runs once a request")
    config = Config(**data)
    page = 4096
    checks = (
        ("threshold", 0 < config.threshold <= 1, "give a share above 0 and up to 1"),
        (
            "stack_size",
            config.stack_size == 0
            or (4 * page <= config.stack_size <= 1 << 34 and config.stack_size % page == 0),
            f"give a multiple of {page} bytes from {4 * page} to {1 << 34}, or 0: as a thread has",
        ),
        ("stack_count", 1 <= config.stack_count <= 4096, "give 1 to 4096 slots"),
        ("mode", config.mode in MODES, f"one of: {', '.join(MODES)}"),
        (
            "ring_size",
            2 <= config.ring_size <= 65536 and config.ring_size & (config.ring_size - 1) == 0,
            "give a power of two from 2 to 65536",
        ),
        ("workers", 1 <= config.workers <= 256, "give 1 to 256 threads"),
        ("queue_value", -(2**31) <= config.queue_value < 2**31, "give a 32-bit integer"),
        ("busy_poll", 0 <= config.busy_poll <= 1000000, "give 0 to 1000000 microseconds"),
        (
            "cancellation",
            config.cancellation in CANCELLATIONS,
            f"one of: {', '.join(CANCELLATIONS)}",
        ),
        ("allocator", config.allocator in ALLOCATORS, f"one of: {', '.join(ALLOCATORS)}"),
    )
    for key, ok, remedy in checks:
        if not ok:
            raise fail(key, f"`{key}` is out of range: {data.get(key)!r}", remedy)
    return config
