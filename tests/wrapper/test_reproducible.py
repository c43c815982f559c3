# SPDX-License-Identifier: GPL-2.0-only
"""The same sources give the same bytes; where a build lies, and what else it makes, is all one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.rebuild.support import HOT, MIXED, SOURCES, Server, new_server
from tests.wrapper.support import Project

EPOCH = {"SOURCE_DATE_EPOCH": "1000000000"}
OUTPUTS = ("server.o", "store.o", "libstore.a", "server", "tool")


def contents(project: Project, *names: str) -> dict[str, bytes]:
    """Files by name."""
    return {name: (project.root / name).read_bytes() for name in names}


def flags(project: Project) -> str:
    """Those that keep a build's folder out of its outputs."""
    return f"CFLAGS=-O2 -g -ffile-prefix-map={project.root}=."


def specialised(server: Server, manifest: Path | None) -> dict[str, bytes]:
    """What lp build and a wrapped build make, with a manifest that is there already or to be
    made; nothing is taken from what other projects had made."""
    project = server.project
    settings = {**EPOCH, "LP_CACHE": f"{server.root}.cache"}
    if manifest is None:
        server.scout("make", "-s", flags(project), **settings)
    else:
        project.wrap_ok("--phase", "scout", "make", "-s", flags(project), **settings)
        shutil.copy(manifest, project.root)
    server.build("--all", "--output", "built", **settings)
    assert project.run("make", "-s", "clean").status == 0
    project.wrap_ok("--phase", "specialize", "make", "-s", flags(project), **settings)
    return contents(project, *OUTPUTS, "built/server", "built/tool")


def test_two_folders(tmp_path: Path) -> None:
    """-ffile-prefix-map keeps the folder out of a specialised program, as out of a plain one."""
    one, other = new_server(tmp_path / "a/one"), new_server(tmp_path / "other")
    made = specialised(one, None)
    assert specialised(other, one.root / "lp-manifest.toml") == made
    assert b"lp_elite_text" in made["server"]
    assert b"lp_elite_text" in made["built/server"]


def test_made_again(project: Project) -> None:
    """From clean, a scouting program too."""
    project.write(**SOURCES)
    made = []
    for jobs in ("-j1", "-j2"):
        project.wrap_ok("make", "-s", jobs, **EPOCH)
        made.append(contents(project, *OUTPUTS))
        assert project.run("make", "-s", "clean").status == 0
    assert made[0] == made[1]


def test_time_of_build(project: Project) -> None:
    """__DATE__ is as SOURCE_DATE_EPOCH says in our code too."""
    text = "#include <stdio.h>\nint main(int c, char **v) { puts(c > 1 ? v[1] : __DATE__); }\n"
    project.write(dated__c=text)
    assert project.cc("-O2", "-c", "dated.c", **EPOCH).status == 0
    assert project.is_scouted("dated.o")
    assert project.cc("dated.o", "-o", "dated").status == 0
    trace = {"LP_TRACE_DIR": str(project.root / "traces")}
    assert project.run("./dated", **trace).out == "Sep  9 2001\n"


MAKEFILE = """
VPATH = ../src
server: server.o store.o
	$(CC) -o $@ $^
%.o: %.c
	$(CC) -O2 -c $< -o $@
"""


def test_out_of_tree(tmp_path: Path) -> None:
    """A build folder beside the sources: .lp/ lies above both, and all names agree."""
    server = Server(Project(tmp_path / "project"))
    sources = {f"src___{k}": v for k, v in SOURCES.items() if k.endswith(("__c", "__h"))}
    server.project.write(build___Makefile=MAKEFILE, lp__toml=SOURCES["lp__toml"], **sources)
    server.project.wrap_ok("make", "-s", "-C", "build")
    assert server.project.run("build/server", *HOT).status == 0
    server.manifest()
    assert 'file = "src/store.c"' in (server.root / "lp-manifest.toml").read_text()
    server.build()
    run = server.run(program="build/server")
    assert run.statistics.finished == len(MIXED) - 3


@pytest.mark.parametrize("names", [("a.o", "b.o"), ("one/x.o", "two/x.o")])
def test_one_source_with_different_flags(project: Project, names: tuple[str, str]) -> None:
    """Two units, each with what its flags made of the source."""
    project.write(
        both__c="#ifdef X\nint f(int a) { if (a) return 1; return 2; }\n#else\n"
        "int f(int a) { return a; }\nint g(int a) { return a ? f(a) : 3; }\n#endif\n"
    )
    for name, extra in zip(names, (("-O2",), ("-O0", "-DX")), strict=True):
        (project.root / name).parent.mkdir(exist_ok=True)
        assert project.cc(*extra, "-c", "both.c", "-o", name).status == 0
        assert project.is_scouted(name)
    units = sorted(project.build.units.iterdir())
    assert len(units) == 2
    texts = [(unit / "sites.json").read_text() for unit in units]
    assert sorted(text.count('"digest"') for text in texts) == [1, 2]


def test_two_programs_of_one_source(project: Project) -> None:
    """As memcached and memcached-debug: each is what its flags say, also when specialised."""
    text = "#ifndef STEP\n#define STEP 1\n#endif\nint handle(int x)\n{\n\tint r = 0;\n"
    text += "\tfor (int i = 0; i < x; i++)\n\t\tr += STEP;\n\treturn r;\n}\n"
    project.write(
        handler__c=text,
        Makefile="all: one two\none: handler.c main.c\n\t$(CC) -O2 -o $@ $^\n"
        "two: handler.c main.c\n\t$(CC) -O2 -DSTEP=10 -o $@ $^\n",
    )
    project.wrap_ok("make", "-s")
    for program, sum_ in (("one", 9), ("two", 90)):
        assert project.run(f"./{program}", "4", "5").out == f"{sum_}\n"
    assert project.lp("manifest").status == 0
    result = project.lp("build")
    assert result.status == 0, result.err
    for program, sum_ in (("one", 9), ("two", 90)):
        done = project.run(f"./{program}", "4", "5", LP_ELITE="inprocess")
        assert (done.status, done.out) == (0, f"{sum_}\n")


def test_names_that_are_no_text(project: Project) -> None:
    """Bytes that are no UTF-8, in the name of a source, of an object, and of a folder above."""
    folder = project.root / "caf\udce9"
    folder.mkdir()
    shutil.copy(project.root / "handler.c", folder / "h\udcff.c")
    result = project.cc("-O2", "-MMD", "-c", "caf\udce9/h\udcff.c", "-o", "caf\udce9/h\udcfe.o")
    assert (result.status, result.err) == (0, "")
    assert project.is_scouted("caf\udce9/h\udcfe.o")
    assert project.cc("-O2", "caf\udce9/h\udcfe.o", "main.c", "-o", "p\udcff").status == 0
    trace = {"LP_TRACE_DIR": str(project.root / "traces")}
    assert project.run("./p\udcff", "1", "5", **trace).out == "12\n"
