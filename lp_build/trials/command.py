# SPDX-License-Identifier: GPL-2.0-only
"""The command line of a recipe, and what one call of it is asked for."""

from __future__ import annotations

import argparse
import math
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console

from lp_build.cache import cache_folder, work_folder
from lp_build.errors import LakePlacidError
from lp_build.kernels.versions import DEFAULT, SERIES
from lp_build.trials.compatibility import Findings, write_findings

# Options that several recipes have.
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "--dir": {"type": Path},
    "--jobs": {"type": int, "default": 2, "help": "of make"},
    "--requests": {"type": int, "default": 50000, "help": "of the load that is measured"},
    "--tests": {"nargs": "+"},
    "--minutes": {"type": float, "default": math.inf},
    "--kernel": {"choices": SERIES, "default": DEFAULT, "help": "of the guest"},
    "--docs": {"type": Path},
}
Argument = tuple[str, Mapping[str, Any]]


def argument(name: str, **settings: Any) -> Argument:
    """An option, and what add_argument takes; settings: where it is not what it usually is."""
    return name, {**_USUAL.get(name, {}), **settings}


@dataclass(frozen=True)
class Asked:
    """What one call of a recipe is asked for. options: its command line's; folder: the work folder;
    cache: of sources and kernels; show: where progress is told."""

    options: argparse.Namespace
    folder: Path
    cache: Path
    show: Console

    def say(self, text: str) -> None:
        """Tell what is done now, or what was found; "" is nothing."""
        if text:
            self.show.print(text, markup=False, highlight=False)

    def pass_on(self, text: str) -> None:
        """Tell what a guest says."""
        self.show.print(text, end="", markup=False, highlight=False)


Step = Callable[[Asked], bool]


class Recipe(ABC):
    """A script of `sample_projects`. name: what its messages begin with; description, arguments,
    steps_help: of its `--help`; usual: the steps that are made unless others are named."""

    name: ClassVar[str]
    prog: ClassVar[str] = "recipe.py"
    description: ClassVar[str]
    arguments: ClassVar[Sequence[Argument]]
    steps_help: ClassVar[str]
    usual: ClassVar[Sequence[str]]
    step: ClassVar[str] = "step"  # what a step is called
    soft_wrap: ClassVar[bool] = False  # leave long lines to the terminal

    @abstractmethod
    def steps(self) -> Mapping[str, Step]:
        """By name; each returns whether all was as it must be."""

    def home(self, options: argparse.Namespace) -> str:
        """The name of the work folder."""
        return self.name

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Make the steps; return 0, or 1 when one failed or showed a difference."""
        steps = self.steps()
        parser = argparse.ArgumentParser(prog=self.prog, description=self.description)
        parser.add_argument(
            "steps", nargs="*", metavar="|".join(steps), help=f"default: {self.steps_help}"
        )
        for name, settings in self.arguments:
            parser.add_argument(name, **settings)
        options = parser.parse_args(argv)
        if unknown := [step for step in options.steps if step not in steps]:
            parser.error(f"no such {self.step}: {unknown[0]}")
        start = work_folder(os.environ, Path.cwd())
        folder = (options.dir or start / self.home(options)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        show = Console(stderr=True, soft_wrap=self.soft_wrap)
        asked = Asked(options, folder, cache_folder(os.environ), show)
        try:
            good = [steps[name](asked) for name in options.steps or self.usual]
        except LakePlacidError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 1
        return 0 if all(good) else 1


def keep(findings: Findings, docs: Path | None) -> None:
    """Write them for docs/compatibility.md, where that was asked for."""
    if docs:
        write_findings(findings, docs / "compatibility")


def guest(kernel: str) -> str:
    """A guest with this kernel, in words."""
    return f"a guest with Debian's {kernel}"
