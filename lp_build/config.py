# SPDX-License-Identifier: GPL-2.0-only
"""`lp.toml`: what the user decides about a program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from lp_build.errors import LakePlacidError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Check = Callable[[Any], bool]
_PAGE = 4096


@dataclass(frozen=True)
class Parameter:
    """What the runtime's templates know a key by: a name, and what they are given for it."""

    name: str
    value: Callable[[Any], object] = lambda value: value


@dataclass(frozen=True)
class Key:
    """What is told of a key of lp.toml, beside its type and its default, which are the field's.

    help: its meaning, as the README's table has it. check: whether a value of the right type is in
    range. range: which values are, for the remedy of an error and the reference. parameter: what
    the runtime is rendered with.
    """

    help: str
    check: _Check = lambda value: True
    range: str = ""
    parameter: Parameter | None = None


def _key(
    help: str, check: _Check = Key.check, range: str = "", parameter: Parameter | None = None
) -> dict[str, Key]:
    """The metadata of a field."""
    return {"key": Key(help, check, range, parameter)}


def _between(low: int, high: int) -> _Check:
    return lambda value: low <= value <= high


def _one_of(*words: str) -> tuple[_Check, str]:
    return lambda value: value in words, f"one of: {', '.join(words)}"


@dataclass(frozen=True)
class Config:
    """The decisions in `lp.toml`. Each field is a key: `key_of` has what else is told of it, and
    `make manual` makes the tables of the README and the reference of that."""

    request: str = field(
        metadata=_key("the function that runs once a request, as `name` or `file.c:name`")
    )
    loop: str | None = field(default=None, metadata=_key("the function whose loop calls it"))
    threshold: float = field(
        default=0.99,
        metadata=_key(
            "share of requests that Elite is to cover",
            lambda share: 0 < share <= 1,
            "give a share above 0 and up to 1",
        ),
    )
    unknown: Sequence[str] = field(
        default=(),
        metadata=_key(
            "functions, named likewise, whose conditionals turn on the time or on chance, which "
            "scouting can't foresee: where one is Elite, both arms of its conditionals are",
        ),
    )
    stack_size: int = field(
        default=0,
        metadata=_key(
            "bytes of one request's stack; 0: as many as a thread's own has, by `ulimit -s`",
            lambda size: size == 0 or (4 * _PAGE <= size <= 1 << 34 and size % _PAGE == 0),
            f"give a multiple of {_PAGE} bytes from {4 * _PAGE} to {1 << 34}, "
            "or 0: as a thread has",
            Parameter("stack_size"),
        ),
    )
    stack_count: int = field(
        default=64,
        metadata=_key(
            "how many of these stacks",
            _between(1, 4096),
            "give 1 to 4096 slots",
            Parameter("stack_count"),
        ),
    )
    mode: str = field(
        default="wait",
        metadata=_key(
            '`"wait"`: the loop waits for the Fallback and gets the real result; `"queue"`: it '
            "takes the next request, while threads finish those that left Elite (for handlers "
            "that may run concurrently)",
            *_one_of("wait", "queue"),
            Parameter("queue", lambda mode: mode == "queue"),
        ),
    )
    queue_value: int = field(
        default=0,
        metadata=_key(
            "what a queued request returns to its caller",
            _between(-(2**31), 2**31 - 1),
            "give a 32-bit integer",
            Parameter("queue_value"),
        ),
    )
    ring_size: int = field(
        default=256,
        metadata=_key(
            "entries of the ring buffer in which queued requests wait, a power of two",
            lambda size: 2 <= size <= 65536 and size & (size - 1) == 0,
            "give a power of two from 2 to 65536",
            Parameter("ring_size"),
        ),
    )
    workers: int = field(
        default=2,
        metadata=_key(
            "threads that finish queued requests",
            _between(1, 256),
            "give 1 to 256 threads",
            Parameter("workers"),
        ),
    )
    allocator: str = field(
        default="lakeplacid",
        metadata=_key(
            '`"lakeplacid"`: one heap, which both sides can run; `"system"`: the C library\'s',
            *_one_of("lakeplacid", "system"),
        ),
    )
    busy_poll: int = field(
        default=0,
        metadata=_key(
            "in the kernel: microseconds to look for input before sleeping for it. It saves the "
            "wake-up, for a processor that is kept busy",
            _between(0, 1000000),
            "give 0 to 1000000 microseconds",
            Parameter("busy_poll"),
        ),
    )
    cancellation: str = field(
        default="honoured",
        metadata=_key(
            '`"honoured"`: in a program that calls `pthread_cancel`, reading, writing and waiting '
            'are made in user space; `"unused"`: its threads with requests are never cancelled, so '
            "the kernel makes these calls",
            *_one_of("honoured", "unused"),
            Parameter("cancellation", lambda choice: choice == "honoured"),
        ),
    )

    @property
    def parameters(self) -> dict[str, object]:
        """What the runtime's templates are given of it, by their names."""
        given = ((key_of(one).parameter, getattr(self, one.name)) for one in fields(self))
        return {known.name: known.value(value) for known, value in given if known}

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


# What TOML may give for a field's type.
_ACCEPTED: dict[object, type | tuple[type, ...]] = {
    str: str,
    str | None: str,
    int: int,
    float: (int, float),
    Sequence[str]: list,
}


def key_of(one: Field[Any]) -> Key:
    """What is told of a field of Config."""
    key = one.metadata["key"]
    assert isinstance(key, Key)
    return key


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

    known = {one.name: key_of(one) for one in fields(Config)}
    types = get_type_hints(Config)
    for key, value in data.items():
        if key not in known:
            raise fail(key, f"unknown key `{key}`", f"known keys are: {', '.join(known)}")
        if not isinstance(value, _ACCEPTED[types[key]]) or isinstance(value, bool):
            raise fail(key, f"`{key}` has the wrong type", f"see the reference for `{key}`")
    if not all(isinstance(name, str) for name in data.get("unknown", ())):
        raise fail("unknown", "`unknown` has the wrong type", "give a list of functions' names")
    if "request" not in data:
        raise fail("request", "`request` is missing", "name the function that runs once a request")
    for key, told in known.items():
        if key in data and not told.check(data[key]):
            raise fail(key, f"`{key}` is out of range: {data[key]!r}", told.range)
    return Config(**data)
