# SPDX-License-Identifier: GPL-2.0-only
"""Build systems: a server of several files with a convenience library, from each to Elite."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lp_build.steps import tool
from lp_build.store.plan import make_plan
from tests.rebuild.support import HOT, SOURCES, Server
from tests.wrapper.support import Project

PARSE_C = """
#include <stdlib.h>
#include "parse.h"
int parse(const char *text)
{
	if (*text == '+')
		text++;
	return atoi(text);
}
"""
SERVER_C = SOURCES["server__c"].replace('"store.h"', '"store.h"\n#include "parse.h"')
C_FILES = {
    "server__c": SERVER_C.replace("atoi(", "parse("),
    "lib___store__c": SOURCES["store__c"],
    "lib___store__h": SOURCES["store__h"],
    "lib___parse__c": PARSE_C,
    "lib___parse__h": "int parse(const char *text);\n",
    "lp__toml": SOURCES["lp__toml"],
}


@dataclass(frozen=True)
class System:
    """How one builds. files: its own. prepare: without us, as a user may have done already;
    build: what lp-wrap runs. program: where it lands."""

    files: dict[str, str]
    build: str
    prepare: str = "true"
    program: str = "server"
    options: tuple[str, ...] = field(default=())


MAKE = """
CFLAGS = -O2 -g -Ilib
AR = ar
server: server.o lib/libconv.a
	$(CC) -o $@ $^
lib/libconv.a: lib/store.o lib/parse.o
	$(AR) rc $@ $?
	ranlib $@
"""
CONFIGURE = """#!/bin/sh
# By hand: asks the compiler, and writes what it has found.
: ${CC=gcc}
echo 'int main(void) { return 0; }' >conftest.c
$CC -o conftest conftest.c && ./conftest || { echo "no compiler"; exit 1; }
$CC -E - </dev/null >/dev/null || exit 1
rm -f conftest*
sed "s,@CC@,$CC," Makefile.in >Makefile
"""
CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(server C)
set(CMAKE_BUILD_TYPE RelWithDebInfo)
add_library(conv STATIC lib/store.c lib/parse.c)
target_include_directories(conv PUBLIC lib)
add_executable(server server.c)
target_link_libraries(server conv)
"""
MESON = """
project('server', 'c', default_options: ['buildtype=debugoptimized'])
lib = include_directories('lib')
conv = static_library('conv', 'lib/store.c', 'lib/parse.c', include_directories: lib)
executable('server', 'server.c', include_directories: lib, link_with: conv)
"""
SCONS = """
import os
env = Environment(ENV=os.environ, CC=os.environ.get("CC", "gcc"), CCFLAGS=["-O2", "-g"])
env.Append(CPPPATH=["lib"])
conv = env.StaticLibrary("lib/conv", ["lib/store.c", "lib/parse.c"])
env.Program("server", ["server.c", conv])
"""
CONFIGURE_AC = """
AC_INIT([server], [1.0])
AM_INIT_AUTOMAKE([foreign subdir-objects])
AC_PROG_CC
AM_PROG_AR
LT_INIT([disable-shared])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
"""
MAKEFILE_AM = """
AM_CPPFLAGS = -I$(srcdir)/lib
noinst_LTLIBRARIES = libconv.la
libconv_la_SOURCES = lib/store.c lib/parse.c lib/store.h lib/parse.h
bin_PROGRAMS = server
server_SOURCES = server.c
server_LDADD = libconv.la
"""
_MAKEFILE_IN = MAKE.replace("CFLAGS", "CC = @CC@\nCFLAGS", 1)
SYSTEMS = {
    "make": System({"Makefile": MAKE}, "make -s -j2"),
    "configure_by_hand": System(
        {"configure": CONFIGURE, "Makefile__in": _MAKEFILE_IN},
        "make -s",
        prepare=f"CC={tool('lp-cc')} sh ./configure",
    ),
    "cmake": System(
        {"CMakeLists__txt": CMAKE},
        "cmake -S . -B build && cmake --build build -j2",
        program="build/server",
    ),
    "cmake_ninja": System(
        {"CMakeLists__txt": CMAKE},
        "ninja -C build -j2",
        prepare=f"CC={tool('lp-cc')} cmake -G Ninja -S . -B build",
        program="build/server",
    ),
    # Its static libraries are thin.
    "meson": System(
        {"meson__build": MESON},
        "meson setup build && ninja -C build -j2",
        program="build/server",
    ),
    "scons": System({"SConstruct": SCONS}, f"{tool('scons')} -Q"),
    "autotools": System(
        {"configure__ac": CONFIGURE_AC, "Makefile__am": MAKEFILE_AM},
        "make -s -j2",
        prepare=f"autoreconf -i && CC={tool('lp-cc')} ./configure -q",
    ),
    # These name their compilers by absolute paths.
    "cmake_traced": System(
        {"CMakeLists__txt": CMAKE},
        "make -C build",
        prepare="CC=/usr/bin/gcc cmake -S . -B build",
        program="build/server",
        options=("--trace",),
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, one after another, so that our runtime is compiled once."""
    return tmp_path_factory.mktemp("systems") / "project"


@pytest.fixture
def project(place: Path) -> Project:
    """The sources, without a way to build them."""
    runtime = place.parent / "runtime"
    if (place / ".lp/runtime").exists():
        (place / ".lp/runtime").replace(runtime)
        shutil.rmtree(place)
    place.mkdir()
    if runtime.exists():
        (place / ".lp").mkdir()
        runtime.replace(place / ".lp/runtime")
    return Project(place).write(**C_FILES)


def to_elite(project: Project, program: str) -> None:
    """From a scouting program to Elite, and what that does."""
    server = Server(project)
    assert project.is_scouted(program)
    assert project.run(f"./{program}", *HOT).status == 0
    assert list(project.build.traces.iterdir())
    server.manifest()
    server.build()
    assert server.is_elite(program)
    # By both kinds of units: the program's own, and those of the library.
    manifest = (project.root / "lp-manifest.toml").read_text(encoding="utf-8")
    assert 'file = "server.c"' in manifest
    assert 'file = "lib/store.c"' in manifest
    plain = project.root / "plain"
    plain.mkdir()
    sources = "server.c lib/store.c lib/parse.c"
    assert project.run("sh", "-c", f"gcc -Ilib {sources} -o plain/server").status == 0
    requests = [*HOT, "7", "2000", "17", "3"]
    run = server.run(*requests, program=program)
    assert run.out == project.run("plain/server", *requests).out
    assert run.statistics.requests == len(requests)
    assert run.statistics.finished >= len(HOT)


@pytest.mark.parametrize("name", SYSTEMS)
def test_to_elite(project: Project, name: str) -> None:
    """Wrapped, scouted, decided, specialised."""
    system = SYSTEMS[name]
    project.write(**system.files)
    prepared = project.run("sh", "-ec", system.prepare)
    assert prepared.status == 0, prepared.out + prepared.err
    words = system.build.split() if system.options else ["sh", "-ec", system.build]
    project.wrap_ok(*system.options, *words)
    assert len(project.units()) == 3
    to_elite(project, system.program)


def test_scons_that_keeps_to_itself(project: Project) -> None:
    """An environment of its own, as SCons has by default: its output tells what it runs."""
    text = SCONS.replace("ENV=os.environ, ", "").replace('os.environ.get("CC", "gcc")', '"gcc"')
    project.write(SConstruct=text)
    built = project.run(tool("scons"), "-Q")
    assert built.status == 0, built.err
    project.write(build__log=built.out)
    project.wrap_ok("--log", "build.log")
    to_elite(project, "server")


# -- what is done to objects and archives ---------------------------------------------------------

STEPS = {
    "one_by_one": "ar q lib/x.a lib/store.o; ar q lib/x.a lib/parse.o; ranlib lib/x.a",
    "replaced": "ar rc lib/x.a lib/store.o lib/store.o; ar r lib/x.a lib/store.o lib/parse.o",
    "thin": "ar rcsT lib/x.a lib/store.o lib/parse.o",
    "thin_of_archives": "ar rc lib/y.a lib/store.o; ar rcT lib/x.a lib/y.a lib/parse.o; "
    "ranlib lib/x.a",
    "script": "printf 'create lib/x.a\\naddmod lib/store.o\\naddmod lib/parse.o\\nsave\\nend\\n' "
    "| ar -M",
    "llvm": "llvm-ar rcs lib/x.a lib/store.o lib/parse.o",
    "moved_and_copied": "ar rc lib/y.a lib/store.o lib/parse.o; ranlib lib/y.a; cp lib/y.a lib/z.a;"
    " mv lib/z.a lib/x.a; rm lib/y.a",
    "unpacked": "ar rc lib/y.a lib/store.o lib/parse.o; mkdir o; cd o; ar x ../lib/y.a; cd ..;"
    " rm lib/*.o; ar rcs lib/x.a o/store.o o/parse.o",
    "relocatable": "ld -r -o lib/both.o lib/store.o lib/parse.o; ar rcs lib/x.a lib/both.o",
    "relocatable_of_archive": "ar rcs lib/y.a lib/store.o lib/parse.o; "
    "ld -r -o lib/both.o --whole-archive lib/y.a; ar rcs lib/x.a lib/both.o",
    "stripped": "strip -g lib/store.o lib/parse.o; ar rcs lib/x.a lib/store.o lib/parse.o",
    "stripped_archive": "ar rcs lib/x.a lib/store.o lib/parse.o; strip --strip-debug lib/x.a",
    "objcopied": "objcopy --add-section .note.x=lp.toml lib/store.o; objcopy lib/parse.o lib/p.o;"
    " ar rcs lib/x.a lib/store.o lib/p.o",
    "prefixed_ar": "x86_64-linux-gnu-ar rcs lib/x.a lib/store.o lib/parse.o",
    "deleted_member": "echo 'int none;' >n.c; $CC -c n.c; "
    "ar rc lib/x.a n.o lib/store.o lib/parse.o; ar d lib/x.a n.o; ar s lib/x.a",
}


# Those that lp build makes by another way than the others.
TO_ELITE = ("thin", "relocatable_of_archive", "stripped_archive", "objcopied")


@pytest.mark.parametrize("name", STEPS)
def test_archives(project: Project, name: str) -> None:
    """However a convenience library comes about, its units are scouted, and lp build knows what to
    make it of again."""
    if name == "llvm" and not shutil.which("llvm-ar"):
        versions = sorted(Path("/usr/bin").glob("llvm-ar-*"))
        assert versions, "clang's packages bring llvm-ar"
        (project.root / "bin").mkdir()
        (project.root / "bin/llvm-ar").symlink_to(versions[-1])
    path = f"{project.root}/bin:{project.run('sh', '-c', 'echo $PATH').out.strip()}"
    compile_ = "for f in server lib/store lib/parse; do $CC -O2 -Ilib -c $f.c -o $f.o; done"
    script = f"{compile_}; {STEPS[name]}; $CC server.o lib/x.a -o server; rm -rf lib/*.o lib/*.a o"
    project.wrap_ok("sh", "-ec", script, PATH=path)
    assert project.is_scouted("server")
    assert project.run("./server", *HOT).status == 0
    assert sorted(Path(u.source).name for u in make_plan(project.build).units) == [
        "parse.c",
        "server.c",
        "store.c",
    ]
    if name in TO_ELITE:
        to_elite(project, "server")


def test_object_that_an_unseen_tool_changed(project: Project) -> None:
    """Its scouting code can't be taken out: lp build says so."""
    compile_ = "for f in server lib/store lib/parse; do $CC -O2 -Ilib -c $f.c -o $f.o; done"
    script = f"{compile_}; /usr/bin/strip -g lib/store.o; $CC *.o lib/*.o -o server"
    project.wrap_ok("sh", "-ec", script)
    assert project.run("./server", *HOT).status == 0
    assert project.lp("manifest").status == 0
    result = project.lp("build")
    assert result.status == 1
    assert "lib/store.o: this has scouting code in it" in result.err
    assert "lp-wrap --trace make" in result.err


def test_stripped_program(project: Project) -> None:
    """As `install -s` does: what lp build makes is stripped too."""
    script = "$CC -g -O2 -Ilib server.c lib/*.c -o server; strip server"
    project.wrap_ok("sh", "-ec", script)
    to_elite(project, "server")
    assert not project.has("server", ".symtab")
