# SPDX-License-Identifier: GPL-2.0-only
"""What the manifest decides, as the source pass and the projection read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lp_build.model.sites import Site, Version


class Verdict(Enum):
    """Of one conditional (thesis 3.1.1): which way Elite assumes that it goes."""

    LIKELY = "likely"  # the false arm is cold
    UNLIKELY = "unlikely"  # the true arm is cold
    UNKNOWN = "unknown"  # both arms are Elite


@dataclass(frozen=True)
class FunctionVerdicts:
    """One function of the manifest.

    conditions: verdict by site ordinal. switches: names of the arms that stay hot, by ordinal.
    targets: observed targets of indirect calls by ordinal, as names of the manifest's functions
    (see `Manifest`), or a bare `name` for a function that scouting did not instrument.
    """

    file: str
    name: str
    digest: str
    line: int
    static: bool
    elite: bool
    conditions: dict[int, Verdict] = field(default_factory=dict)
    switches: dict[int, tuple[str, ...]] = field(default_factory=dict)
    targets: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """`file:name`, the stable name."""
        return f"{self.file}:{self.name}"

    def is_hot(self, site: Site, arm: str) -> bool:
        """Whether Elite has this arm of a site."""
        if site.kind == "switch":
            return arm in self.switches.get(site.ordinal, tuple(a.name for a in site.arms))
        verdict = self.conditions.get(site.ordinal, Verdict.UNKNOWN)
        return verdict is not (Verdict.UNLIKELY if arm == "true" else Verdict.LIKELY)

    def to_json(self) -> dict[str, Any]:
        """Plain data, ordered: equal verdicts give equal JSON (a build's signature)."""
        return {
            "file": self.file,
            "name": self.name,
            "digest": self.digest,
            "line": self.line,
            "static": self.static,
            "elite": self.elite,
            "conditions": {str(k): v.value for k, v in sorted(self.conditions.items())},
            "switches": {str(k): list(v) for k, v in sorted(self.switches.items())},
            "targets": {str(k): list(v) for k, v in sorted(self.targets.items())},
        }


@dataclass(frozen=True)
class Manifest:
    """All verdicts. functions: by name, which is `file:name`, or `file:name#digest` where a source
    was compiled in several versions (see `name_versions`): each has an entry, though no request
    came to it. threshold and covered are shares of requests (0 to 1). programs: those that the
    requests came to, by the paths (relative to the root) that they were linked to; none where that
    is not known."""

    request: str
    loop: str | None
    threshold: float
    covered: float
    functions: dict[str, FunctionVerdicts]
    programs: tuple[str, ...] = ()

    def named(self, function: Version) -> str | None:
        """The name here of this version of a function; None: it has no entry."""
        for name in (function.key, f"{function.key}#{function.digest}"):
            entry = self.functions.get(name)
            if entry is not None and entry.digest == function.digest:
                return name
        return None

    def elite_functions(self) -> tuple[FunctionVerdicts, ...]:
        """The functions that have an Elite copy."""
        return tuple(f for f in self.functions.values() if f.elite)
