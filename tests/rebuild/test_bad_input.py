# SPDX-License-Identifier: GPL-2.0-only
"""lp build with something missing, damaged or wrong: file, line and remedy, and nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.rebuild.support import Server


def refused(server: Server, message: str, *words: str) -> None:
    """lp build fails with this, and with a remedy."""
    result = server.project.lp("build", *words)
    assert result.status == 1, result.out
    assert message in result.err
    assert "remedy:" in result.err
    assert "Traceback" not in result.err


def test_no_manifest(server: Server) -> None:
    """The way to one."""
    server.project.wrap_ok("--phase", "scout", "make", "-s")
    refused(server, "lp-manifest.toml: there is no manifest yet")


def test_nothing_captured(scouted: Server) -> None:
    """Nothing to build."""
    shutil.rmtree(scouted.root / ".lp")
    refused(scouted, "nothing to build: nothing was captured")


def test_no_configuration(scouted: Server) -> None:
    """lp.toml."""
    (scouted.root / "lp.toml").unlink()
    refused(scouted, "lp.toml: cannot read the configuration")


def test_manifest_for_other_sources(scouted: Server) -> None:
    """None of its functions is as captured; the program stays."""
    manifest = scouted.root / "lp-manifest.toml"
    text = manifest.read_text()
    lines = [
        'digest = "0123456789abcdef"' if line.startswith("digest") else line
        for line in text.splitlines()
    ]
    manifest.write_text("\n".join(lines) + "\n")
    before = (scouted.root / "server").read_bytes()
    refused(scouted, "lp-manifest.toml: this manifest is for other sources")
    assert (scouted.root / "server").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message", "remedy"),
    [
        ('request = "handel"', "`request` names `handel`, and no", "did you mean `handle`?"),
        ('request = "store_add"', "`request` is `store_add`, but lp-manifest.toml", "scout again"),
        ('request = "handle"\nloop = "mian"', "`loop` names `mian`, and no", "mean `main`?"),
        ('request = "handle"\nloop = "main"', "manifest.toml was made for none", "scout again"),
        ('request = "handle"\nunknown = ["handl"]', "`unknown` names `handl`", "`handle`?"),
        ('request = "handle"\nunknown = ["handle"]', "server.c:handle", "`lp manifest` again"),
    ],
)
def test_manifest_and_configuration_that_do_not_agree(
    scouted: Server, line: str, message: str, remedy: str
) -> None:
    """At the line of lp.toml; the program stays."""
    (scouted.root / "lp.toml").write_text(f"# a comment\n{line}\n")
    before = (scouted.root / "server").read_bytes()
    refused(scouted, message)
    result = scouted.project.lp("build")
    assert f"lp.toml:{2 + line.count(chr(10))}: " in result.err
    assert remedy in result.err
    assert (scouted.root / "server").read_bytes() == before


def test_manifest_for_another_request_function_in_a_wrapped_build(scouted: Server) -> None:
    """It is not used silently there either."""
    (scouted.root / "lp.toml").write_text('request = "store_add"\n')
    result = scouted.project.wrap("make", "-s")
    assert result.status == 1
    assert "lp.toml:1: `request` is `store_add`, but lp-manifest.toml" in result.err


def test_traces_of_another_request_function(scouted: Server) -> None:
    """Requests that did not come to the function that lp.toml names now decide nothing."""
    (scouted.root / "lp.toml").write_text('request = "rare"\n')
    result = scouted.project.run("./server", "7")
    assert result.status == 0
    result = scouted.project.lp("manifest")
    assert result.status == 1
    assert "10 of 11 traced requests did not come to `rare`" in result.err
    assert "remedy:" in result.err


def test_another_name_of_the_same_request_function_agrees(scouted: Server) -> None:
    """The file's name may stand before it."""
    (scouted.root / "lp.toml").write_text('request = "server.c:handle"\nthreshold = 0.9\n')
    scouted.build()
    assert scouted.is_elite()


def test_changed_function(scouted: Server) -> None:
    """Unaffected functions keep their verdicts; the affected one is named, and not Elite."""
    source = scouted.root / "store.c"
    source.write_text(source.read_text().replace("2 * x", "3 * x"))
    scouted.project.wrap_ok("--phase", "scout", "make", "-s")
    scouted.build()
    assert scouted.run().out == scouted.plain()
    assert scouted.is_elite()
    assert any("store_add changed since scouting" in r for r in scouted.project.reasons())


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("units/store-*/x.i", "rm", "what was captured of store.c is gone"),
        ("units/store-*/plain.o", "rm", "what was captured of store.c is gone"),
        ("units/store-*/x.i", "damage", "this is not the text that was captured of store.c"),
        ("units/store-*/unit.json", "damage", "damaged record of a unit"),
        ("units/store-*/sites.json", "damage", "damaged record of sites"),
        ("steps.jsonl", "damage", "damaged journal"),
    ],
)
def test_lost_and_damaged_files(scouted: Server, file: str, damage: str, message: str) -> None:
    """Each is named."""
    (path,) = (scouted.root / ".lp").glob(file)
    if damage == "rm":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20] + b"\n{")
    refused(scouted, message)


def test_foreign_file_that_is_gone(server: Server) -> None:
    """A part of the program that nothing captured can make again."""
    server.project.write(extra__s="\t.globl extra\nextra:\tret\n\t.section .note.GNU-stack\n")
    server.scout("sh", "-ec", "make -s; $CC -c extra.s; $CC -o server *e*.o -L. -lstore; rm e*.o")
    for path in (server.root / ".lp/kept").iterdir():
        path.unlink()
    refused(server, "extra.o: an input of the captured build is gone")


Change = Callable[[str], str]
UNFIT: dict[str, tuple[Change, str]] = {
    "arguments on the stack": (
        lambda text: text.replace("int handle(int x)", "int handle(int x, ...)"),
        "takes a variable number of arguments",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_request_function(server: Server, name: str) -> None:
    """Named with its line; the program stays as it was."""
    change, message = UNFIT[name]
    source = server.root / "server.c"
    source.write_text(change(source.read_text()))
    server.project.wrap_ok("--phase", "scout", "make", "-s")
    before = (server.root / "server").read_bytes()
    assert server.project.run("./server", "1", "2", "3").status == 0
    server.manifest()
    refused(server, "server.c:10: the request function handle " + message)
    assert (server.root / "server").read_bytes() == before


def test_link_that_fails(scouted: Server) -> None:
    """The linker's message, and the old program."""
    (step,) = [s for s in scouted.project.steps() if s.output.endswith("/server")]
    journal = scouted.root / ".lp/steps.jsonl"
    journal.write_text(journal.read_text().replace('"-lstore"', '"-lstore", "-lno_such_thing"'))
    before = (scouted.root / "server").read_bytes()
    result = scouted.project.lp("build")
    assert result.status == 1
    assert "no_such_thing" in result.err
    assert "as they were" in result.err
    assert (scouted.root / "server").read_bytes() == before
    assert step.kind == "link"
