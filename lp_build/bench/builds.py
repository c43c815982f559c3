# SPDX-License-Identifier: GPL-2.0-only
"""The programs that are compared, each built once below the work folder's `bench/`."""

from __future__ import annotations

import hashlib
import importlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lp_build.bench.servers import Memcached, Server, UdpKv
from lp_build.cache import cache_folder
from lp_build.demo import command as demo
from lp_build.demo.load import Mix
from lp_build.resources import resource_dir
from lp_build.steps import run_step, tool

Say = Callable[[str], None]
# What Elite's and the Fallback's code is compared with when position-independence is to be left
# out of the comparison: they are never position-independent.
FIXED = "-fno-pie -no-pie"
_STAMP = ".lp-bench"


@dataclass(frozen=True)
class Programs:
    """One server, built in each way. `plain` is as its own build makes it, `plain_fixed` the same
    at a fixed address; `elite` is the specialised program, `thesis` that of the thesis's scheme."""

    server: Server
    plain: Path
    plain_fixed: Path
    scouted: Path
    elite: Path
    thesis: Path


@contextmanager
def built_once(folder: Path, key: str) -> Iterator[bool]:
    """Whether `folder` has to be filled: what was finished under another key is thrown away."""
    stamp = folder / _STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        yield False
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield True
    stamp.write_text(key, encoding="utf-8")


def compiler_key(compiler: str) -> str:
    """What the compiler says of itself. Raises LakePlacidError when it can't be run."""
    return run_step([*shlex.split(compiler), "--version"], Path.cwd())


def package_key() -> str:
    """A digest of LakePlacid itself: its passes, templates and runtime, and of the thesis's."""
    digest = hashlib.sha256()
    bench = Path(__file__).resolve().parent
    package = bench.parent
    folders = [package, resource_dir("templates"), resource_dir("c_runtime")]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            measures = bench in path.parents and not path.name.startswith("thesis")
            if path.suffix in (".py", ".j2", ".c", ".h", ".S", ".toml") and not measures:
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def with_system_allocator(config: Path) -> None:
    """To compare code and not allocators, all builds use libc's."""
    text = config.read_text(encoding="utf-8")
    config.write_text(f'{text.rstrip()}\nallocator = "system"\n', encoding="utf-8")


@dataclass(frozen=True)
class _Place:
    """Where a server's builds are, and with what."""

    folder: Path
    compiler: str
    say: Say

    def thesis_compiler(self) -> str:
        """The compiler for tree `thesis`, as the path of a script."""
        runtime = self.folder / "thesis_fallback.o"
        source = resource_dir("c_runtime") / "bench" / "thesis_fallback.S"
        self.folder.mkdir(parents=True, exist_ok=True)
        run_step([*shlex.split(self.compiler), "-c", source, "-o", runtime], self.folder)
        words = [
            *(sys.executable, "-m", "lp_build.bench.thesis_cc"),
            *(self.compiler, str(self.folder / "thesis"), str(runtime)),
        ]
        script = self.folder / "thesis-cc"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        return str(script)


def udp_kv(work: Path, compiler: str, say: Say) -> Programs:
    """Build sample_projects/udp_kv in all ways, which takes seconds: always afresh."""
    place = _Place(work / "bench" / "udp_kv", compiler, say)
    shutil.rmtree(place.folder, ignore_errors=True)
    sources = resource_dir("sample_projects") / demo.PROGRAM
    environment = demo.clean_environment()

    def make(name: str, cc: str, *settings: str) -> Path:
        say(f"udp_kv: building it: {name}")
        folder = place.folder / name
        demo.copy_sources(sources, folder)
        run_step(["make", f"CC={cc}", *settings], folder, environment)
        return folder / demo.PROGRAM

    plain = make("plain", compiler)
    fixed = make("plain-fixed", f"{compiler} {FIXED}")
    wrapped = place.folder / "wrapped"
    say("udp_kv: building it: scouting and specialised")
    demo.copy_sources(sources, wrapped)
    with_system_allocator(wrapped / "lp.toml")
    run_step([tool("lp-wrap"), "--phase", "scout", "make"], wrapped, environment)
    show = demo.Show(quiet=True)
    demo.drive(wrapped / demo.PROGRAM, {}, show, 10000, Mix(), 1)
    run_step([tool("lp"), "manifest"], wrapped, environment)
    run_step([tool("lp"), "build", "--output", "elite"], wrapped, environment)
    demo.copy_sources(sources, place.folder / "thesis")
    shutil.copy(wrapped / "lp-manifest.toml", place.folder / "thesis")
    thesis = make("thesis", place.thesis_compiler())
    program = wrapped / demo.PROGRAM
    return Programs(UdpKv(), plain, fixed, program, wrapped / "elite" / demo.PROGRAM, thesis)


def recipe() -> Any:
    """sample_projects/memcached/recipe.py, whose modules lie with the sample."""
    folder = str(resource_dir("sample_projects") / "memcached")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("recipe")


def memcached(work: Path, compiler: str, say: Say) -> Programs:
    """Build memcached in all ways; what is up to date is kept."""
    steps = recipe()
    place = _Place(work / "bench" / "memcached", compiler, say)
    plain_key = compiler_key(compiler)
    target = ["memcached"]

    def plain(name: str, cc: str) -> Path:
        folder = place.folder / name
        with built_once(folder, f"{cc}\n{plain_key}") as fresh:
            if fresh:
                say(f"memcached: building it: {name}")
                steps.Builder(cc).build(steps.prepare(folder, cache_folder(os.environ)), target)
        return Path(steps.Tree(folder).memcached / "memcached")

    first = plain("plain", compiler)
    fixed = plain("plain-fixed", f"{compiler} {FIXED}")
    key = plain_key + package_key()
    wrapped = place.folder / "wrapped"
    with built_once(wrapped, key) as fresh:
        tree = steps.Tree(wrapped)
        if fresh:
            say("memcached: building it: scouting and specialised")
            steps.prepare(wrapped, cache_folder(os.environ))
            with_system_allocator(wrapped / "lp.toml")
            steps.wrapped_builder("scout").build(tree, target)
            steps.scout(tree, tree.memcached / "memcached")
            steps.specialize(tree)
    with built_once(place.folder / "thesis", key) as fresh:
        thesis = steps.Tree(place.folder / "thesis")
        if fresh:
            say("memcached: building it: thesis")
            steps.prepare(thesis.root, cache_folder(os.environ))
            builder = steps.Builder(place.thesis_compiler())
            builder.configure(thesis)
            shutil.copy(wrapped / "lp-manifest.toml", thesis.root)
            builder.make_libevent(thesis)
            builder.make_memcached(thesis, target)
    return Programs(
        Memcached(),
        first,
        fixed,
        tree.memcached / "memcached",
        wrapped / "elite" / "memcached" / "memcached",
        thesis.memcached / "memcached",
    )
