# SPDX-License-Identifier: GPL-2.0-only
"""A program's sources in a folder of ours: laid out, wrapped, and made into the specialised
program."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lp_build.demo.command import clean_environment
from lp_build.steps import run_step, tool
from lp_build.trials.upstream import Source, copy_tree, fetch

MANIFEST = "lp-manifest.toml"


def environment(**settings: str) -> dict[str, str]:
    """Ours, without LakePlacid's settings, and these."""
    return {**clean_environment(), **settings}


def wrapper(phase: str = "scout") -> list[str]:
    """The words before a command of a build that is to be wrapped."""
    return [tool("lp-wrap"), "--phase", phase, "--"]


@dataclass(frozen=True)
class Tree(ABC):
    """A source tree; root has lp.toml and, once wrapped, `.lp/`. build_options: of `lp build`."""

    root: Path
    build_options: ClassVar[Sequence[str]] = ("--all",)

    @property
    @abstractmethod
    def made(self) -> Path:
        """What the build makes, a program or a folder of programs: in the tree, and below each
        folder of `lp build`."""

    @property
    def built(self) -> Path:
        """What its own build makes."""
        return self.root / self.made

    @property
    def traces(self) -> Path:
        """Where the scouted program writes, unless told otherwise."""
        return self.root / ".lp" / "traces"

    def lay_out(self, sources: Mapping[str, Source], settings: str, cache: Path) -> None:
        """Make it anew, in place of what was there: the sources, each by the name of its folder,
        come from the cache; settings: lp.toml."""
        fetched = {name: fetch(source, cache) for name, source in sources.items()}
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        for name, pristine in fetched.items():
            copy_tree(pristine, self.root / name)
        (self.root / "lp.toml").write_text(settings, encoding="utf-8")

    def manifest(self, *arguments: str) -> None:
        """`lp manifest`, in place of an earlier one."""
        (self.root / MANIFEST).unlink(missing_ok=True)
        run_step([tool("lp"), "manifest", *arguments], self.root, environment())

    def specialize(self, *, stress: bool = False) -> Path:
        """`lp build`; what is made, which is not where the scouting one is."""
        output = self._output(stress)
        arguments = ["--output", str(output), *(["--stress"] if stress else [])]
        run_step([tool("lp"), "build", *self.build_options, *arguments], self.root, environment())
        return self.specialized(stress=stress)

    def specialized(self, *, stress: bool = False) -> Path:
        """What `specialize` leaves."""
        return self._output(stress) / self.made

    def _output(self, stress: bool) -> Path:
        return self.root / ("stress" if stress else "elite")
