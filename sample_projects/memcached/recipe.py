"""memcached 1.6.18 with libevent 2.1.12 in one source tree: fetch, build, scout, specialise, run.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/memcached`
unless `--dir` names another): `libevent/` and `memcached/`, configured and built by the commands
that README.md shows, and `stage/`, where libevent is installed for memcached's configure.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.sources import Source, copy_tree, fetch
from lp_build.steps import run_step, tool

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

# What the test suite needs. `make` alone builds each source twice, with other macros, for
# `memcached` and `memcached-debug`: two programs, so two manifests, so two trees.
SUITE_TARGETS = ("memcached-debug", "timedrun")


@dataclass(frozen=True)
class Tree:
    """One source tree; root has lp.toml and, once wrapped, `.lp/`."""

    root: Path

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
        """Where libevent's headers and archive are installed."""
        return self.root / "stage"


def prepare(root: Path, cache: Path) -> Tree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    memcached, libevent = fetch(MEMCACHED, cache), fetch(LIBEVENT, cache)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    tree = Tree(root)
    copy_tree(memcached, tree.memcached)
    copy_tree(libevent, tree.libevent)
    shutil.copy(Path(__file__).with_name("lp.toml"), root / "lp.toml")
    return tree


@dataclass(frozen=True)
class Builder:
    """How to build: `cc` for configure; `wrap` before `make`; environment for all of it."""

    cc: str
    wrap: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    jobs: int = 2

    def run(self, command: Sequence[str | Path], cwd: Path) -> str:
        """Run one step of the build."""
        return run_step(command, cwd, {**os.environ, **dict(self.environment)})

    def configure_libevent(self, tree: Tree) -> None:
        """`CC=… ./configure` of libevent, static only."""
        options = [f"--prefix={tree.stage}", *LIBEVENT_OPTIONS]
        self.run(["env", f"CC={self.cc}", "./configure", *options], tree.libevent)

    def make_libevent(self, tree: Tree) -> None:
        """Build libevent and install it to the stage."""
        self.run([*self.wrap, "make", f"-j{self.jobs}"], tree.libevent)
        self.run([*self.wrap, "make", "install"], tree.libevent)

    def configure_memcached(self, tree: Tree) -> None:
        """`CC=… ./configure` of memcached, which links a program with libevent."""
        option = f"--with-libevent={tree.stage}"
        self.run(["env", f"CC={self.cc}", "./configure", option], tree.memcached)

    def make_memcached(self, tree: Tree, targets: Sequence[str] = ()) -> None:
        """Build memcached; targets: none means `make`'s default, all of it."""
        self.run([*self.wrap, "make", f"-j{self.jobs}", *targets], tree.memcached)

    def build(self, tree: Tree, targets: Sequence[str] = ()) -> None:
        """All four steps."""
        self.configure_libevent(tree)
        self.make_libevent(tree)
        self.configure_memcached(tree)
        self.make_memcached(tree, targets)


def plain_builder(jobs: int = 2) -> Builder:
    """Build as if LakePlacid did not exist."""
    return Builder(os.environ.get("LP_CC", "cc"), jobs=jobs)


def wrapped_builder(phase: str, jobs: int = 2) -> Builder:
    """Build as README.md says: `CC=lp-cc ./configure` and `lp-wrap make`."""
    return Builder(tool("lp-cc"), (tool("lp-wrap"), "--phase", phase, "--"), jobs=jobs)


@dataclass(frozen=True)
class Server:
    """A running memcached; port on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def serve(
    program: Path,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    timeout: float = 30.0,
) -> Iterator[Server]:
    """Run memcached on a port of its own choice; at the end SIGTERM ends it.

    timeout: seconds, for the start and for the end. Raises LakePlacidError when it does not
    come up, or does not end with exit status 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        ports = Path(folder) / "ports"
        log = Path(folder) / "log"
        user = ["-u", "root"] if os.geteuid() == 0 else []  # as its own test suite does
        command = [str(program.absolute()), "-l", "127.0.0.1", "-p", "-1", "-U", "0", *user]
        with (
            open(log, "wb") as output,
            subprocess.Popen(
                [*command, *arguments],
                cwd=program.parent,
                env={**os.environ, **environment, "MEMCACHED_PORT_FILENAME": str(ports)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                port = _wait_port(process, ports, log, timeout)
                yield Server(process, port)
                process.send_signal(signal.SIGTERM)
                try:
                    status = process.wait(timeout)
                except subprocess.TimeoutExpired:
                    raise _failure(program, f"did not end within {timeout:g} s", log) from None
                if status != 0:
                    raise _failure(program, f"ended with status {status}", log)
            finally:
                process.kill()  # a no-op after it has ended


def _wait_port(process: subprocess.Popen[bytes], ports: Path, log: Path, timeout: float) -> int:
    """The port that memcached wrote to the file named in MEMCACHED_PORT_FILENAME. It renames the
    file into place when it listens; there is nothing to wait on but the file, so we look."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _failure(ports, f"did not start: status {process.returncode}", log)
        if ports.is_file() and (match := re.search(r"TCP INET: (\d+)", ports.read_text())):
            port = int(match.group(1))
            socket.create_connection(("127.0.0.1", port), timeout).close()
            return port
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    raise _failure(ports, f"did not listen within {timeout:g} s", log)


def _failure(program: Path, what: str, log: Path) -> LakePlacidError:
    said = log.read_text(errors="replace").strip().splitlines()[-8:]
    return LakePlacidError(
        "\n  ".join([f"memcached {what}", *said]),
        file=str(program),
        remedy="run it by hand with `-vv` to see what it says",
    )
