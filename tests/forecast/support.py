# SPDX-License-Identifier: GPL-2.0-only
"""What `lp build` says of a build, for tests that run it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lp_build.demo.command import clean_environment
from lp_build.steps import tool

TOLERANCE = 0.05  # how far a run may be from its forecast


@dataclass(frozen=True)
class Foretold:
    """Shares of the traced requests in one place: begun and finished in Elite there."""

    begun: float
    finished: float

    @property
    def of_begun(self) -> float:
        """The share that finishes, of those that begin: what LP_STATS counts in the kernel, where
        a request that the Fallback's loop makes is not counted."""
        return self.finished / self.begun if self.begun else 0.0


def foretold(root: Path, *arguments: str) -> dict[str, Foretold]:
    """By place, as LP_ELITE calls it. arguments: those of the build that is there already."""
    done = subprocess.run(
        [tool("lp"), "build", "--json", *arguments],
        cwd=root,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    forecast = json.loads(done.stdout)["forecast"]
    assert not forecast["unknown"], forecast["unknown"]
    names = {"in one process": "inprocess", "in the kernel": "kernel"}
    return {
        names[place["place"]]: Foretold(
            place["begun"] / place["requests"], place["finished"] / place["requests"]
        )
        for place in forecast["places"]
    }
