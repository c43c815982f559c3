# SPDX-License-Identifier: GPL-2.0-only
"""nginx 1.22.1 with zlib in one source tree: fetch it, build it plainly or wrapped, specialise it.

nginx's own build takes zlib's sources (`--with-zlib`), so gzip can be Elite code too; PCRE2 is the
machine's library.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lp_build.steps import run_step, tool
from lp_build.trials.tree import Tree, environment, wrapper
from lp_build.trials.upstream import Source

NGINX = Source(
    "nginx", "1.22.1", "9ebb333a9e82b952acd3e2b4aeb1d4ff6406f72491bab6cd9fe69f0dea737f31"
)
ZLIB = Source(
    "zlib", "1.2.13.dfsg", "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"
)
OPTIONS = ("--with-zlib=../zlib", "--with-threads", "--with-debug")


class NginxTree(Tree):
    """nginx's sources, and zlib's beside them."""

    build_options = ()  # there is one program

    @property
    def made(self) -> Path:
        """nginx's program."""
        return Path("nginx") / "objs" / "nginx"


def prepare(root: Path, cache: Path) -> NginxTree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    tree = NginxTree(root)
    settings = Path(__file__).with_name("lp.toml").read_text(encoding="utf-8")
    tree.lay_out({"nginx": NGINX, "zlib": ZLIB}, settings, cache)
    return tree


def build_plain(tree: NginxTree, jobs: int = 2) -> None:
    """Build as if LakePlacid did not exist."""
    compiler = os.environ.get("LP_CC", "cc")
    _run(["./configure", f"--with-cc={compiler}", *OPTIONS], tree)
    _run(["make", f"-j{jobs}"], tree)


def build_scouted(tree: NginxTree, jobs: int = 2, *, wrap_make: bool = True) -> None:
    """`./configure --with-cc=lp-cc` and `lp-wrap make`. Without `wrap_make`: all of it below
    `lp-wrap`, which the build finds on PATH as `cc`, and nginx is told nothing."""
    if wrap_make:
        _run(["./configure", f"--with-cc={tool('lp-cc')}", *OPTIONS], tree)
    else:
        _run([*wrapper(), "./configure", *OPTIONS], tree)
    _run([*wrapper(), "make", f"-j{jobs}"], tree)


def _run(command: Sequence[str], tree: NginxTree) -> None:
    run_step(command, tree.root / "nginx", environment())
