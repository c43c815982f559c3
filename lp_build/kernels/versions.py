# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that LakePlacid is tried with, a record each (docs/how-to/add-a-kernel.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FLAVOUR = "cloud-amd64"


@dataclass(frozen=True)
class Boots:
    """Kernel arguments that tests boot a version with, besides `lp vm`'s own.

    driver: the driver's tests; long: the same by `make test-long`, the other way round;
    applications: whole programs.
    """

    driver: str
    long: str
    applications: str


@dataclass(frozen=True)
class Version:
    """One version, as Debian has it.

    series: the first two numbers of its release; compiler: the package of the compiler that Debian
    builds it with; where: the archive that has it, for a remedy; differs: what the driver does
    otherwise there (kernel/compat.h has the code); boots: how tests boot it.
    """

    series: str
    compiler: str
    where: str
    differs: str
    boots: Boots

    @property
    def image_pattern(self) -> str:
        """What matches the names of its image's packages, an extended regular expression."""
        return rf"linux-image-{re.escape(self.series)}\.[0-9][^ ]*-{_FLAVOUR}"

    @property
    def packages(self) -> str:
        """The names of its image's packages, for people."""
        return f"linux-image-{self.series}.*-{_FLAVOUR}"


# What makes mistakes with memory likelier to be seen.
_STRICT = "slab_nomerge slub_debug=FZPU page_poison=1"
# What makes races and leaks likelier.
_LIKELIER = "preempt=full pti=on"

VERSIONS = (
    Version(
        "6.1",
        "gcc-12",
        "bookworm",
        "a mapping's flags are set without a lock; pages are got with an array of their areas",
        Boots("slab_nomerge", f"{_STRICT} {_LIKELIER}", f"{_STRICT} preempt=full"),
    ),
    Version(
        "6.12",
        "gcc-12",
        "bookworm-security",
        "a mapping's flags are set by a function; pages are got without their areas",
        Boots(f"slab_nomerge {_LIKELIER}", _STRICT, f"{_STRICT} {_LIKELIER}"),
    ),
)
SERIES = tuple(version.series for version in VERSIONS)
# What a guest boots unless it is told another.
DEFAULT = VERSIONS[0].series
# For texts.
LISTED = " or ".join(SERIES)


def version_of(series: str) -> Version:
    """The record of a series that is in SERIES."""
    return next(version for version in VERSIONS if version.series == series)
