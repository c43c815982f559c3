# SPDX-License-Identifier: GPL-2.0-only
"""redis 7.0.15: fetch it, build it plainly or wrapped by its own makefile, specialise it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lp_build.steps import run_step
from lp_build.trials.tree import Tree, environment, wrapper
from lp_build.trials.upstream import Source

REDIS = Source(
    "redis", "7.0.15", "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982"
)
# With libc's malloc, which LakePlacid's heap replaces, or with redis's default, a heap of its own.
MAKE = {"libc": ("make", "MALLOC=libc"), "jemalloc": ("make",)}


@dataclass(frozen=True)
class RedisTree(Tree):
    """redis's sources. malloc: a key of MAKE."""

    malloc: str = "libc"

    @property
    def redis(self) -> Path:
        """redis's sources, with hiredis, Lua and the other libraries that it brings."""
        return self.root / "redis"

    @property
    def made(self) -> Path:
        """The server."""
        return Path("redis") / "src" / "redis-server"


def prepare(root: Path, cache: Path, malloc: str = "libc") -> RedisTree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    tree = RedisTree(root, malloc)
    settings = Path(__file__).with_name("lp.toml").read_text(encoding="utf-8")
    tree.lay_out({"redis": REDIS}, settings, cache)
    return tree


def build_plain(tree: RedisTree, jobs: int = 2) -> None:
    """Build as if LakePlacid did not exist."""
    run_step([*MAKE[tree.malloc], f"-j{jobs}"], tree.redis, environment())


def build_scouted(tree: RedisTree, jobs: int = 2) -> None:
    """`lp-wrap make`; redis is told nothing."""
    run_step([*wrapper(), *MAKE[tree.malloc], f"-j{jobs}"], tree.redis, environment())
