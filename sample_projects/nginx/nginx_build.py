# SPDX-License-Identifier: GPL-2.0-only
"""nginx 1.22.1 with zlib in one source tree: fetch it, build it plainly or wrapped, specialise it.

nginx's own build takes zlib's sources (`--with-zlib`), so gzip can be Elite code too; PCRE2 is the
machine's library.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.demo.command import clean_environment
from lp_build.steps import run_step, tool
from lp_build.trials.upstream import Source, copy_tree, fetch

NGINX = Source(
    "nginx", "1.22.1", "9ebb333a9e82b952acd3e2b4aeb1d4ff6406f72491bab6cd9fe69f0dea737f31"
)
ZLIB = Source(
    "zlib", "1.2.13.dfsg", "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"
)
OPTIONS = ("--with-zlib=../zlib", "--with-threads", "--with-debug")
PROGRAM = Path("nginx") / "objs" / "nginx"  # in the tree, and below each folder of `lp build`


@dataclass(frozen=True)
class Tree:
    """One source tree; root has lp.toml and, once wrapped, `.lp/`."""

    root: Path

    @property
    def nginx(self) -> Path:
        """nginx's sources."""
        return self.root / "nginx"

    @property
    def program(self) -> Path:
        """What nginx's own build makes."""
        return self.root / PROGRAM

    @property
    def traces(self) -> Path:
        """Where the scouted program writes, unless told otherwise."""
        return self.root / ".lp" / "traces"


def prepare(root: Path, cache: Path) -> Tree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    nginx, zlib = fetch(NGINX, cache), fetch(ZLIB, cache)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    tree = Tree(root)
    copy_tree(nginx, tree.nginx)
    copy_tree(zlib, root / "zlib")
    shutil.copy(Path(__file__).with_name("lp.toml"), root / "lp.toml")
    return tree


def build_plain(tree: Tree, jobs: int = 2) -> None:
    """Build as if LakePlacid did not exist."""
    compiler = os.environ.get("LP_CC", "cc")
    _run(["./configure", f"--with-cc={compiler}", *OPTIONS], tree)
    _run(["make", f"-j{jobs}"], tree)


def build_scouted(tree: Tree, jobs: int = 2, *, wrap_make: bool = True) -> None:
    """`./configure --with-cc=lp-cc` and `lp-wrap make`. Without `wrap_make`: all of it below
    `lp-wrap`, which the build finds on PATH as `cc`, and nginx is told nothing."""
    wrap = [tool("lp-wrap"), "--phase", "scout", "--"]
    if wrap_make:
        _run(["./configure", f"--with-cc={tool('lp-cc')}", *OPTIONS], tree)
    else:
        _run([*wrap, "./configure", *OPTIONS], tree)
    _run([*wrap, "make", f"-j{jobs}"], tree)


def manifest(tree: Tree, *arguments: str) -> None:
    """`lp manifest`, in place of an earlier one."""
    (tree.root / "lp-manifest.toml").unlink(missing_ok=True)
    run_step([tool("lp"), "manifest", *arguments], tree.root, clean_environment())


def specialize(tree: Tree, *, stress: bool = False) -> Path:
    """`lp build`; the program, which is not where the scouting one is."""
    output = tree.root / ("stress" if stress else "elite")
    arguments = ["--output", str(output), *(["--stress"] if stress else [])]
    run_step([tool("lp"), "build", *arguments], tree.root, clean_environment())
    return output / PROGRAM


def _run(command: Sequence[str], tree: Tree) -> None:
    run_step(command, tree.nginx, clean_environment())
