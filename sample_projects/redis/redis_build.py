# SPDX-License-Identifier: GPL-2.0-only
"""redis 7.0.15: fetch it, build it plainly or wrapped by its own makefile, specialise it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lp_build.demo.command import clean_environment
from lp_build.steps import run_step, tool
from lp_build.trials.upstream import Source, copy_tree, fetch

REDIS = Source(
    "redis", "7.0.15", "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982"
)
# With libc's malloc, which LakePlacid's heap replaces, or with redis's default, a heap of its own.
MAKE = {"libc": ("make", "MALLOC=libc"), "jemalloc": ("make",)}
PROGRAMS = Path("redis") / "src"  # in the tree, and below each folder of `lp build`
SERVER = "redis-server"


@dataclass(frozen=True)
class Tree:
    """One source tree; root has lp.toml and, once wrapped, `.lp/`. malloc: a key of MAKE."""

    root: Path
    malloc: str = "libc"

    @property
    def redis(self) -> Path:
        """redis's sources, with hiredis, Lua and the other libraries that it brings."""
        return self.root / "redis"

    @property
    def server(self) -> Path:
        """What redis's own build makes."""
        return self.root / PROGRAMS / SERVER

    @property
    def traces(self) -> Path:
        """Where the scouted program writes, unless told otherwise."""
        return self.root / ".lp" / "traces"


def prepare(root: Path, cache: Path, malloc: str = "libc") -> Tree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    sources = fetch(REDIS, cache)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    tree = Tree(root, malloc)
    copy_tree(sources, tree.redis)
    shutil.copy(Path(__file__).with_name("lp.toml"), root / "lp.toml")
    return tree


def build_plain(tree: Tree, jobs: int = 2) -> None:
    """Build as if LakePlacid did not exist."""
    run_step([*MAKE[tree.malloc], f"-j{jobs}"], tree.redis, clean_environment())


def build_scouted(tree: Tree, jobs: int = 2) -> None:
    """`lp-wrap make`; redis is told nothing."""
    wrap = [tool("lp-wrap"), "--phase", "scout", "--"]
    run_step([*wrap, *MAKE[tree.malloc], f"-j{jobs}"], tree.redis, clean_environment())


def manifest(tree: Tree, *arguments: str) -> None:
    """`lp manifest`, in place of an earlier one."""
    (tree.root / "lp-manifest.toml").unlink(missing_ok=True)
    run_step([tool("lp"), "manifest", *arguments], tree.root, clean_environment())


def specialize(tree: Tree, *, stress: bool = False) -> Path:
    """`lp build`; the server, which is not where the scouting one is."""
    output = _output(tree, stress)
    arguments = ["--output", str(output), *(["--stress"] if stress else [])]
    run_step([tool("lp"), "build", "--all", *arguments], tree.root, clean_environment())
    return specialized(tree, stress=stress)


def specialized(tree: Tree, *, stress: bool = False) -> Path:
    """The server that `specialize` leaves."""
    return _output(tree, stress) / PROGRAMS / SERVER


def _output(tree: Tree, stress: bool) -> Path:
    return tree.root / ("stress" if stress else "elite")
