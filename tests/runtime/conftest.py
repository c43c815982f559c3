# SPDX-License-Identifier: GPL-2.0-only
"""Builds of tests/runtime/apps with the runtime, each made once a session."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lp_build.compile.runtime_sources import render_runtime
from lp_build.config import Config
from lp_build.resources import resource_dir

APPS = Path(__file__).parent / "apps"
QUEUE_VALUE = -7


@dataclass(frozen=True)
class Finished:
    """A run that has ended. values: the NAME=NUMBER pairs that it printed; stats: LP_STATS."""

    status: int
    out: str
    err: str
    values: Mapping[str, int]
    stats: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A built program. `run` takes the scenario's words; `env` wins over LP_ELITE=inprocess;
    `limits`: soft limits by RLIMIT_*."""

    path: Path
    folder: Path
    runs: list[int] = field(default_factory=list)

    def run(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        timeout: int = 60,
        limits: Mapping[int, int] | None = None,
    ) -> Finished:
        self.runs.append(0)
        stats = self.folder / f"stats.{len(self.runs)}.json"
        environment = {**os.environ, "LP_ELITE": "inprocess", "LP_STATS": str(stats), **(env or {})}
        done = subprocess.run(
            [str(self.path), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.folder,
            preexec_fn=partial(in_child, limits or {}),
        )
        pairs = (word.split("=") for word in done.stdout.split() if word.count("=") == 1)
        values = {name: int(value) for name, value in pairs if value.lstrip("-").isdigit()}
        # A program that was ended by a fault has written nothing into it.
        text = stats.read_text() if stats.exists() else ""
        found = json.loads(text) if text else {}
        return Finished(done.returncode, done.stdout, done.stderr, values, found)

    def check(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> Finished:
        """Run, and expect that it finds no error."""
        done = self.run(*words, env=env, limits=limits)
        assert done.status == 0, (done.status, done.out, done.err)
        assert done.values["errors"] == 0
        return done


Builder = Callable[..., Program]


def in_child(limits: Mapping[int, int]) -> None:
    """A test run in the background has inherited that these signals are ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for what, soft in limits.items():
        resource.setrlimit(what, (soft, resource.getrlimit(what)[1]))


def compile_file(compiler: str, source: Path, flags: tuple[str, ...], target: Path) -> Path:
    command = [compiler, *flags, "-Werror", "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def make_archive(compiler: str, config: Config, folder: Path, *, stress: bool) -> Path:
    """liblp_runtime.a for `config`, every warning an error."""
    objects = [
        compile_file(compiler, source.path, source.flags, folder / f"{source.path.name}.o")
        for source in render_runtime(config, folder / "runtime", stress=stress)
    ]
    archive = folder / "liblp_runtime.a"
    subprocess.run(["ar", "rcs", str(archive), *map(str, objects)], check=True)
    return archive


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """build(compiler=, stress=, defines=, link=, **keys of lp.toml): a Program of frames.S."""
    made: dict[object, Program] = {}
    archives: dict[object, Path] = {}

    def make(
        compiler: str = "gcc",
        *,
        stress: bool = False,
        defines: tuple[str, ...] = (),
        link: tuple[str, ...] = (),
        **keys: Any,
    ) -> Program:
        key = (compiler, stress, defines, link, tuple(sorted(keys.items())))
        if key in made:
            return made[key]
        folder = tmp_path_factory.mktemp("program")
        config = Config(request="request", queue_value=QUEUE_VALUE, **keys)
        runtime = (compiler, stress, config)
        if runtime not in archives:
            archives[runtime] = make_archive(compiler, config, folder, stress=stress)
        flags = [f"-D{name}" for name in defines]
        if config.mode == "queue":
            flags += ["-DQUEUE", f"-DQUEUE_VALUE={QUEUE_VALUE}"]
        if stress:
            flags.append("-DSTRESS")
        command = [compiler, "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-no-pie", "-fno-pie"]
        command += ["-D_GNU_SOURCE", f"-I{resource_dir('c_runtime')}"]
        command += [f"-I{resource_dir('kernel') / 'uapi'}", *flags]
        command += [str(APPS / "main.c"), str(APPS / "frames.S"), str(archives[runtime]), *link]
        command += ["-o", str(folder / "main")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        made[key] = Program(folder / "main", folder)
        return made[key]

    return make
