# SPDX-License-Identifier: GPL-2.0-only
"""LP_LAUNCHER: compiles by way of ccache, distcc and their like, told by their own accounts."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rebuild.support import HOT, SOURCES, Server
from tests.wrapper.support import Project, environment


@pytest.fixture
def server(project: Project) -> Server:
    """A server, not built."""
    return Server(project.write(**SOURCES))


# -- ccache ---------------------------------------------------------------------------------------


class Ccache:
    """A cache of its own, and its counters."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"CCACHE_DIR": str(folder), "CCACHE_CONFIGPATH": str(folder / "none")}

    def count(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        env = environment(**self.settings)
        words = ["ccache", "--print-stats"]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        rows = dict(line.split("\t") for line in done.stdout.splitlines())
        subprocess.run(["ccache", "-z"], env=env, capture_output=True, check=True)
        hits = int(rows["direct_cache_hit"]) + int(rows["preprocessed_cache_hit"])
        return hits, int(rows["cache_miss"])


@pytest.fixture
def ccache(tmp_path: Path) -> Ccache:
    """An empty cache."""
    return Ccache(tmp_path / "ccache")


def test_ccache(server: Server, ccache: Ccache) -> None:
    """The build's own compiles and ours are cached; a hit leaves nothing out."""
    project = server.project
    settings = {"LP_LAUNCHER": "ccache", **ccache.settings}
    project.wrap_ok("make", "-s", **settings)
    assert ccache.count() == (0, 6)  # three units, each plain and scouted
    first = {name: (server.root / name).read_bytes() for name in ("server.o", "store.o")}
    assert project.run("make", "clean").status == 0
    shutil.rmtree(project.build.path)
    project.wrap_ok("make", "-s", **settings)
    assert ccache.count() == (6, 0)
    assert {name: (server.root / name).read_bytes() for name in first} == first
    assert len(project.units()) == 3
    assert project.run("./server", *HOT).status == 0
    server.manifest(**settings)
    server.build(**settings)
    server.check()
    assert ccache.count() == (0, 2)  # -S of what is Elite


@pytest.mark.parametrize("compiler", ["ccache gcc", "ccache {lp-cc}"])
def test_ccache_in_a_makefile(project: Project, ccache: Ccache, compiler: str) -> None:
    """It is met as a compiler is: a hit must not keep a unit from us, and nothing of ours comes
    out of the cache in another phase."""
    from lp_build.steps import tool

    compiler = compiler.replace("{lp-cc}", tool("lp-cc"))
    project.write(Makefile=f"CC = {compiler}\np: handler.o main.o\n\t$(CC) -o p handler.o main.o\n")
    for phase, scouted in (("capture", False), ("scout", True), ("capture", False)):
        project.wrap_ok("--phase", phase, "make", "-s", "CFLAGS=-O2", **ccache.settings)
        assert project.is_scouted("handler.o") == scouted, project.reasons()
        assert len(project.units()) == 2
        rows = json.loads((project.build.path / "compile_commands.json").read_text())
        assert all("ccache" not in row["arguments"][0] for row in rows)
        for name in ("p", "handler.o", "main.o"):
            (project.root / name).unlink()
        shutil.rmtree(project.build.path)
    hits, misses = ccache.count()
    assert hits == 4
    assert misses >= 2


def test_options_of_the_launcher(project: Project, ccache: Ccache) -> None:
    """They are its own."""
    result = project.wrap_ok("--quiet", "ccache", "--version", **ccache.settings)
    assert "ccache" in result.out


# -- distcc ---------------------------------------------------------------------------------------


@contextmanager
def distccd(folder: Path) -> Iterator[tuple[str, Path]]:
    """A daemon on loopback: its address as clients name it, and its log. It is awaited by a
    connection, and stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "distccd.log"
    words = ["distccd", "--no-detach", "--daemon", "--listen", "127.0.0.1", "--port", str(port)]
    words += ["--allow", "127.0.0.1", "--jobs", "2", "--log-stderr", "--log-level", "info"]
    # It refuses to be root.
    words += ["--user", "nobody"]
    with log.open("wb") as said, subprocess.Popen(words, stderr=said) as process:
        try:
            while True:
                assert process.poll() is None, log.read_text()
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
            yield f"127.0.0.1:{port}", log
        finally:
            process.terminate()


def compiled(log: Path) -> list[str]:
    """What a daemon has compiled, by the names of sources."""
    lines = [line for line in log.read_text().splitlines() if "COMPILE_OK" in line]
    return sorted(Path(line.split()[-1]).name for line in lines)


def test_distcc(server: Server, tmp_path: Path) -> None:
    """The daemon compiles the build's own sources and our scouting text; nothing falls back to
    this machine's compiler."""
    project = server.project
    project.write(plus__cc="int plus(int a) { return a ? 1 : 2; }\n")
    (tmp_path / "distcc").mkdir()
    with distccd(tmp_path) as (host, log):
        settings = {
            **{"LP_LAUNCHER": "distcc", "DISTCC_HOSTS": host, "DISTCC_FALLBACK": "0"},
            "DISTCC_DIR": str(tmp_path / "distcc"),
        }
        result = project.wrap("make", "-s", "-j2", "all", **settings)
        assert (result.status, project.reasons()) == (0, []), result.err
        assert compiled(log) == ["scout.i"] * 3 + ["server.c", "store.c", "tool.c"]
        project.wrap_ok("g++", "-c", "plus.cc", **settings)
        assert "plus.cc" in compiled(log)
    assert project.run("./server", *HOT).status == 0
    server.manifest()
    server.build()
    server.check()


# -- any ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("launcher", ["icecc", "own-launcher --option"])
def test_any_launcher(project: Project, launcher: str) -> None:
    """It gets the compiles, by the compiler's name, and neither probes nor links."""
    script = project.root / "bin" / launcher.split()[0]
    script.parent.mkdir()
    script.write_text(
        '#!/bin/sh\necho "$@" >>"$CALLS"\n[ "$1" != --option ] || shift\nexec "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    calls = project.root / "calls"
    env = environment()
    settings = {
        **{"PATH": f"{script.parent}:{env['PATH']}", "CALLS": str(calls)},
        "LP_LAUNCHER": launcher,
    }
    build = "gcc -c handler.c main.c; gcc -E main.c >/dev/null; gcc -o p handler.o main.o"
    project.wrap_ok("sh", "-ec", build, **settings)
    assert project.is_scouted("p")
    lines = calls.read_text().splitlines()
    assert len(lines) == 3
    first = " ".join([*launcher.split()[1:], "gcc"])
    assert all(line.startswith(f"{first} -") and " -c" in line for line in lines)


def test_launcher_that_is_not_there(project: Project) -> None:
    """Said before anything is built, with what installs it."""
    result = project.wrap("touch", "built", LP_LAUNCHER="icecream-of-none")
    assert result.status == 1
    assert "LP_LAUNCHER names `icecream-of-none`, which was not found" in result.err
    assert "apt-get install icecream-of-none" in result.err
    assert not (project.root / "built").exists()


# -- SCons's cache --------------------------------------------------------------------------------


def test_cache_of_lp_build(server: Server, tmp_path: Path) -> None:
    """What one has built, another who shares the folder takes from there: the same program, and
    the same summary. It is named by an option or by a variable."""
    cache = str(tmp_path / "shared")
    server.scout()
    said = []
    programs = []
    for options, settings in ((("--cache", cache), {}), ((), {"LP_BUILD_CACHE": cache})):
        result = server.project.lp("build", *options, **settings)
        assert result.status == 0, result.err
        said.append(result.out)
        programs.append((server.root / "server").read_bytes())
        # As another machine's, or another checkout at the same place.
        shutil.rmtree(server.project.build.path / "build")
        for path in server.project.build.units.glob("*/elite*"):
            path.unlink()
    assert programs[0] == programs[1]
    assert "Retrieved" not in said[0]
    assert "Retrieved" in said[1]
    summaries = [text[text.index("lp build:") :] for text in said]
    assert summaries[0] == summaries[1]
    server.check()
