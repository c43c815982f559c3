# SPDX-License-Identifier: GPL-2.0-only
"""memcached 1.6.18 with libevent 2.1.12 in one source tree: fetch them, configure and build them
plainly or wrapped, specialise.

README.md shows the commands. A tree has `libevent/`, `memcached/`, and `stage/`, two symbolic links
that show libevent to memcached's configure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.steps import run_step, tool
from lp_build.trials.tree import Tree, environment, wrapper
from lp_build.trials.upstream import Source

MEMCACHED = Source(
    "memcached", "1.6.18", "35872bd25f8d29d7cc2072d23e74344530891bfd0aa4f4f64184a8ae7291164b"
)
LIBEVENT = Source(
    "libevent", "2.1.12-stable", "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb"
)
LIBEVENT_OPTIONS = (
    "--disable-shared",
    "--enable-static",
    "--disable-openssl",
    "--disable-samples",
    "--disable-libevent-regress",
)

# What the test suite runs. `make` alone builds each source twice, with other macros, for
# `memcached` and `memcached-debug`: two programs, so two manifests, so two trees. Objects with
# coverage counters, which memcached-debug has by default, LakePlacid leaves as they are.
SUITE_TARGETS = ("memcached-debug", "timedrun")
SUITE_OPTIONS = ("--disable-coverage",)
SUITE_PROGRAM = SUITE_TARGETS[0]


@dataclass(frozen=True)
class MemcachedTree(Tree):
    """Both sources. server: which of memcached's two programs is run."""

    server: str = SUITE_PROGRAM

    @property
    def libevent(self) -> Path:
        """libevent's sources."""
        return self.root / "libevent"

    @property
    def memcached(self) -> Path:
        """memcached's sources, where its programs are built."""
        return self.root / "memcached"

    @property
    def stage(self) -> Path:
        """libevent as memcached's configure looks for it, with `include` and `lib`."""
        return self.root / "stage"

    @property
    def made(self) -> Path:
        """The server."""
        return Path("memcached") / self.server


def prepare(root: Path, cache: Path, server: str = SUITE_PROGRAM) -> MemcachedTree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    tree = MemcachedTree(root, server)
    settings = Path(__file__).with_name("lp.toml").read_text(encoding="utf-8")
    tree.lay_out({"memcached": MEMCACHED, "libevent": LIBEVENT}, settings, cache)
    tree.stage.mkdir()
    (tree.stage / "include").symlink_to("../libevent/include")
    (tree.stage / "lib").symlink_to("../libevent/.libs")
    return tree


@dataclass(frozen=True)
class Builder:
    """How to build: `cc` for configure, and `wrap`, the words before `make`."""

    cc: str
    wrap: tuple[str, ...] = ()
    jobs: int = 2

    def run(self, command: Sequence[str | Path], cwd: Path) -> str:
        """Run one step of the build."""
        return run_step(command, cwd, environment())

    def configure(self, tree: MemcachedTree, options: Sequence[str] = ()) -> None:
        """`CC=… ./configure` of both; options: for memcached's. That links programs with libevent,
        and needs a plain one, so that is built for it, and thrown away."""
        cc = f"CC={self.cc}"
        self.run(["env", cc, "./configure", *LIBEVENT_OPTIONS], tree.libevent)
        self.run(["make", f"-j{self.jobs}"], tree.libevent)
        stage = f"--with-libevent={tree.stage}"
        self.run(["env", cc, "./configure", stage, *options], tree.memcached)
        self.run(["make", "clean"], tree.libevent)

    def make_libevent(self, tree: MemcachedTree) -> None:
        """Build libevent."""
        self.run([*self.wrap, "make", f"-j{self.jobs}"], tree.libevent)

    def make_memcached(self, tree: MemcachedTree, targets: Sequence[str] = ()) -> None:
        """Build memcached; targets: none means `make`'s default, all of it."""
        self.run([*self.wrap, "make", f"-j{self.jobs}", *targets], tree.memcached)

    def build(
        self, tree: MemcachedTree, targets: Sequence[str] = (), options: Sequence[str] = ()
    ) -> None:
        """All of it."""
        self.configure(tree, options)
        self.make_libevent(tree)
        self.make_memcached(tree, targets)


def plain_builder(jobs: int = 2) -> Builder:
    """Build as if LakePlacid did not exist."""
    return Builder(os.environ.get("LP_CC", "cc"), jobs=jobs)


def wrapped_builder(phase: str, jobs: int = 2) -> Builder:
    """Build as README.md says: `CC=lp-cc ./configure` and `lp-wrap make`."""
    return Builder(tool("lp-cc"), tuple(wrapper(phase)), jobs=jobs)
