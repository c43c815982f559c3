# SPDX-License-Identifier: GPL-2.0-only
"""Which programs lp build makes, and where: builds rename and copy them after the link, and have
others that nobody scouts."""

from __future__ import annotations

import shutil

import pytest

from lp_build.manifest.manifest import load_manifest
from tests.rebuild.support import HOT, Server

LINK = "\t$(CC) $(LDFLAGS) -o $@ server.o -L. -lstore\n"
WAYS = {
    "renamed": ("\t$(CC) -o $@.tmp server.o -L. -lstore && mv -f $@.tmp $@\n", []),
    "copied": (LINK + "\tmkdir -p bin && cp $@ bin/other\n", ["bin/other"]),
    "hard_linked": (LINK + "\tln -f $@ server.2\n", ["server.2"]),
    "installed_stripped": (LINK + "\tmkdir -p d && install -s $@ d/server\n", ["d/server"]),
    "by_libtools_way": (
        "\tmkdir -p .libs && $(CC) -o .libs/$@ server.o -L. -lstore && cp .libs/$@ $@\n",
        [".libs/server"],
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_wherever_it_went(server: Server, name: str) -> None:
    """Each copy is specialised, again when the manifest has changed, and put back for the next
    wrapped build."""
    recipe, copies = WAYS[name]
    makefile = server.root / "Makefile"
    makefile.write_text(makefile.read_text().replace(LINK, recipe))
    server.scout()
    built = {path: (server.root / path).read_bytes() for path in ("server", *copies)}
    made = server.build()
    for path in built:
        assert f"=> {server.root}/{path}" in made
        assert server.is_elite(path)
        server.check(path)
    assert not (server.root / "server.tmp").exists()
    assert server.build() == []
    with (server.root / "lp.toml").open("a") as out:
        out.write("stack_count = 8\n")
    assert {f"=> {server.root}/{path}" for path in built} <= {*server.build()}
    server.project.wrap_ok("--phase", "scout", "make", "-s")
    assert {path: (server.root / path).read_bytes() for path in built} == built


def test_copy_that_a_tool_has_changed(scouted: Server) -> None:
    """Nobody knows what it is made of: it is named, whatever else is quiet."""
    shutil.copy(scouted.root / "server", scouted.root / "changed")
    with (scouted.root / "changed").open("ab") as out:
        out.write(b"more")
    result = scouted.project.lp("build", "--quiet")
    assert result.status == 0
    assert "changed is still the scouting program" in result.err
    assert "remedy: " in result.err
    assert scouted.is_elite()


def test_several_programs_that_one_path_led_to(server: Server) -> None:
    """Each was linked to a.out and moved."""
    rules = "tool: tool.o\n\t$(CC) tool.o && mv a.out $@\n"
    makefile = server.root / "Makefile"
    moved = "\t$(CC) server.o -L. -lstore && mv a.out $@\n"
    makefile.write_text(makefile.read_text().replace(LINK, moved) + rules)
    server.scout()
    server.build("--all")
    server.check()
    assert not server.project.is_scouted("tool")
    assert server.project.run("./tool").out == "a tool\n"
    assert not (server.root / "a.out").exists()


def test_programs_that_had_no_request_are_left_alone(scouted: Server) -> None:
    """They are named, with the ways to make them."""
    before = (scouted.root / "tool").read_bytes()
    result = scouted.project.lp("build")
    assert result.status == 0
    assert "still the scouting program: tool" in result.out
    assert "`lp build --all`" in result.out
    assert (scouted.root / "tool").read_bytes() == before
    assert load_manifest(scouted.root / "lp-manifest.toml").programs == ("server",)


def test_program_by_its_name(scouted: Server) -> None:
    """Also from another folder; the others stay."""
    (scouted.root / "sub").mkdir()
    made = scouted.build("tool")
    assert f"=> {scouted.root}/tool" in made
    assert f"=> {scouted.root}/server" not in made
    assert scouted.project.is_scouted("server")
    assert not scouted.project.is_scouted("tool")


def test_program_that_there_is_not(scouted: Server) -> None:
    """The nearest is proposed."""
    result = scouted.project.lp("build", "sevrer")
    assert result.status == 1
    assert "no program `sevrer`" in result.err
    assert "do you mean server?" in result.err


def test_manifest_without_programs_makes_all(scouted: Server) -> None:
    """One that was written by hand, or of traces of another build."""
    manifest = scouted.root / "lp-manifest.toml"
    manifest.write_text(manifest.read_text().replace('programs = ["server"]\n', ""))
    assert f"=> {scouted.root}/tool" in scouted.build()


def test_copies_are_one_program(server: Server) -> None:
    """It is linked once, and one module is for both names."""
    makefile = server.root / "Makefile"
    makefile.write_text(makefile.read_text().replace(LINK, LINK + "\tln -f $@ server.2\n"))
    server.scout()
    server.build()
    assert (server.root / "server").read_bytes() == (server.root / "server.2").read_bytes()


def test_scouting_program_says_what_it_is(scouted: Server) -> None:
    """Where somebody takes it for the specialised one, once; and else nothing."""
    run = scouted.project.run("./server", *HOT, LP_ELITE="inprocess")
    assert run.err.count("this is the scouting program") == 1
    assert "lp build" in run.err
    for mode in ("", "off"):
        assert scouted.project.run("./server", *HOT, LP_ELITE=mode).err == ""


def test_surveyed_program_says_what_it_is(server: Server) -> None:
    """As a scouting one does."""
    server.project.wrap_ok("--phase", "survey", "make", "-s")
    run = server.project.run("./server", *HOT, LP_ELITE="inprocess")
    assert run.err.count("this is the surveyed program") == 1
