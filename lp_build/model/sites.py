# SPDX-License-Identifier: GPL-2.0-only
"""What the source passes say of a translation unit: functions, sites and arms, by stable names.

A *site* is a place in the source where control can go more than one way. Its name is
`file:function:ordinal`; the ordinal counts sites within the function in source order, so an edit
elsewhere in the file changes no name. An *arm* is one way to go. Files are given relative to the
project root where they lie below it (see `layout.BuildDir.relative`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

# Kinds with the two arms "true" and "false".
CONDITION_KINDS = ("if", "cond", "and", "or", "while", "do", "for")


@dataclass(frozen=True)
class Arm:
    """One way out of a site. name: "true", "false", "case<k>", "default"; weight: bytes of source
    that only this arm reaches (the cost that the manifest's greedy merge adds)."""

    name: str
    weight: int
    line: int


@dataclass(frozen=True)
class Site:
    """A conditional, a switch or an indirect call (which has no arms; its targets are logged)."""

    ordinal: int
    kind: str
    line: int
    column: int
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Call:
    """A place where Elite may have to stop whatever the data, which scouting logs beside the arms.

    kind: "call" (of a function by its name), "icall" (an indirect one), "asm" (a statement of
    assembly) or "goto" (by a computed address). callee: the function's name; of an indirect call,
    the ordinal of its site. home: where a header defines the callee, as `file:first:last`, since
    the compiler may have put that text in the call's place.
    """

    kind: str
    line: int
    callee: str = ""
    home: str = ""


@dataclass(frozen=True)
class Function:
    """A function definition. digest: of its own tokens, blind to white space and to positions.
    calls: in source order; the n-th is logged as `file:function:call<n>`."""

    file: str
    name: str
    line: int
    static: bool
    digest: str
    weight: int
    sites: tuple[Site, ...]
    calls: tuple[Call, ...] = ()

    @property
    def key(self) -> str:
        """`file:name`, the stable name."""
        return f"{self.file}:{self.name}"


@dataclass(frozen=True)
class Problem:
    """Something that our passes leave alone, and why (shown by reports)."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class UnitSites:
    """All functions of one unit that our passes look at."""

    functions: tuple[Function, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        # `dataclasses.asdict` copies each value deeply: half the time of a whole pass.
        return {
            "functions": [
                {
                    **vars(function),
                    "sites": [
                        {**vars(site), "arms": [dict(vars(arm)) for arm in site.arms]}
                        for site in function.sites
                    ],
                    "calls": [dict(vars(call)) for call in function.calls],
                }
                for function in self.functions
            ]
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> UnitSites:
        """The inverse of `to_json`. Raises KeyError or TypeError for other data."""
        return UnitSites(tuple(_function(item) for item in data["functions"]))


def _function(item: dict[str, Any]) -> Function:
    sites = tuple(
        Site(**{**site, "arms": tuple(Arm(**arm) for arm in site["arms"])})
        for site in item["sites"]
    )
    calls = tuple(Call(**call) for call in item["calls"])
    return Function(**{**item, "sites": sites, "calls": calls})


class Version(Protocol):
    """What says which function something is about: its stable name, and its text by its digest."""

    @property
    def key(self) -> str:
        """`file:name`."""

    @property
    def digest(self) -> str:
        """Of its own tokens."""


def name_versions(functions: Iterable[Version]) -> dict[tuple[str, str], str]:
    """A name for each function, by key and digest: `file:name`, and `file:name#digest` where one
    key has several digests, such as a function of a header whose macros differ from unit to unit:
    their ordinals don't mean the same."""
    digests: dict[str, dict[str, None]] = {}
    for function in functions:
        digests.setdefault(function.key, {})[function.digest] = None
    return {
        (key, digest): f"{key}#{digest}" if len(found) > 1 else key
        for key, found in digests.items()
        for digest in found
    }


def unversioned(name: str) -> str:
    """A name of a function, or of something in it (`file:function#digest:ordinal:arm`), less the
    digest that tells versions of the function apart."""
    file, _, rest = name.partition(":")
    function, colon, arm = rest.partition(":")
    return f"{file}:{function.partition('#')[0]}{colon}{arm}"


def function_of(name: str) -> str:
    """The function that an arm, a site or an entry belongs to, by its name as it stands there."""
    return ":".join(name.split(":")[:2])


@dataclass(frozen=True)
class ScoutTable:
    """What a scouted unit says of its arms, as the runtime copies it into each trace.

    entries: by function, the local index of its entry arm. first: by function and site, the local
    index of the site's first arm (its arms follow), or for an indirect call its own local index.
    calls: by function, the local index of its first call and their number; what they are is known
    to whoever has the source.
    """

    functions: tuple[Function, ...]
    entries: tuple[int, ...]
    first: tuple[tuple[int, ...], ...]
    calls: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`: rows of values in the order of their fields, because each
        scouted object carries this text, and a name for each value would make most of it."""
        return {
            "functions": [
                [
                    *(getattr(function, name) for name in _FUNCTION_ROW),
                    entry,
                    *calls,
                    [
                        [
                            *(getattr(site, name) for name in _SITE_ROW),
                            index,
                            [[arm.name, arm.weight, arm.line] for arm in site.arms],
                        ]
                        for site, index in zip(function.sites, first, strict=True)
                    ],
                ]
                for function, entry, first, calls in zip(
                    self.functions, self.entries, self.first, self.calls, strict=True
                )
            ]
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> ScoutTable:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for other data."""
        functions: list[Function] = []
        entries: list[int] = []
        first: list[tuple[int, ...]] = []
        calls: list[tuple[int, int]] = []
        for *values, entry, call, count, rows in data["functions"]:
            sites = tuple(
                Site(*[*site, tuple(Arm(*arm) for arm in arms)]) for *site, _index, arms in rows
            )
            functions.append(Function(*[*values, sites]))
            entries.append(entry)
            first.append(tuple(row[-2] for row in rows))
            calls.append((call, count))
        return ScoutTable(tuple(functions), tuple(entries), tuple(first), tuple(calls))


_FUNCTION_ROW = ("file", "name", "line", "static", "digest", "weight")
_SITE_ROW = ("ordinal", "kind", "line", "column")
