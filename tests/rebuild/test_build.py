# SPDX-License-Identifier: GPL-2.0-only
"""lp build: the specialised program, of what a scouted build left, and only what changed."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from lp_build.steps import tool
from tests.rebuild.support import HOT, Server


def test_after_a_scouted_build(scouted: Server) -> None:
    """Without a second wrapped build, the program is specialised where it stands."""
    made = scouted.build()
    assert "server.c" in made
    assert f"=> {scouted.root}/server" in made
    assert scouted.is_elite()
    scouted.check()


def test_the_outcome_for_scripts(scouted: Server) -> None:
    """--json prints one object, and nothing of what is made on the way."""
    result = scouted.project.run(tool("lp"), "build", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    assert f"{scouted.root}/server" in outcome["programs"]
    assert all(function["instructions"] > 0 for function in outcome["elite"])
    assert outcome["elite"]
    assert outcome["modules"] == []


def test_all_programs_are_made_plain_again(scouted: Server) -> None:
    """One without Elite code is what the plain build would have made."""
    scouted.build("--all")
    assert not scouted.is_elite("tool")
    assert not scouted.project.is_scouted("tool")
    assert scouted.project.run("./tool").out == "a tool\n"


def test_second_time_nothing_is_made(scouted: Server) -> None:
    """And nothing is put anywhere."""
    scouted.build()
    before = (scouted.root / "server").stat().st_mtime_ns
    assert scouted.build() == []
    assert (scouted.root / "server").stat().st_mtime_ns == before


def test_changed_verdict_makes_its_unit_again(scouted: Server) -> None:
    """Only the units of the functions that changed, and what they are linked into."""
    scouted.build()
    manifest = scouted.root / "lp-manifest.toml"
    text = manifest.read_text()
    store = text.index('file = "store.c"')
    before, after = text[:store], text[store:]
    assert '"likely"' in after or '"unlikely"' in after
    after = after.replace('"likely"', '"unknown"').replace('"unlikely"', '"unknown"')
    manifest.write_text(before + after)
    made = scouted.build()
    assert [line for line in made if line.endswith(".c")] == ["store.c"]
    assert "libstore.a" in made
    assert "server" in made
    assert "tool" not in made
    scouted.check()


def test_comment_in_the_manifest_makes_nothing(scouted: Server) -> None:
    """Verdicts count, not text."""
    scouted.build()
    with (scouted.root / "lp-manifest.toml").open("a") as out:
        out.write("# hello\n")
    assert scouted.build() == []


def test_changed_stack_size_links_again(scouted: Server) -> None:
    """The runtime is rendered for it; units stay."""
    scouted.build()
    with (scouted.root / "lp.toml").open("a") as out:
        out.write("stack_count = 8\n")
    made = scouted.build()
    assert [line for line in made if line.endswith(".c")] == []
    assert f"=> {scouted.root}/server" in made
    scouted.check()


def test_a_request_that_comes_near_the_end_of_its_stack(scouted: Server) -> None:
    """It is said with file, line and remedy, whichever unit and side the frame is of."""
    with (scouted.root / "lp.toml").open("a") as out:
        out.write("stack_size = 16384\n")
    result = scouted.project.run(tool("lp"), "build")
    assert result.status == 0
    line = next(row for row in result.err.splitlines() if "warning: " in row)
    assert re.match(r"lp build: warning: server\.c:\d+: \w+ takes 8 KiB of stack: a request", line)
    assert "  remedy: give `stack_size` at least " in result.err
    told = json.loads(scouted.project.run(tool("lp"), "build", "--json").out)["deep"]
    assert [one["stack"] for one in told] == [16384]


def test_what_the_build_deleted_does_not_matter(scouted: Server) -> None:
    """Objects, archives, programs and sources."""
    plain = scouted.plain()
    for name in ("server.o", "store.o", "libstore.a", "server", "tool", "server.c", "store.c"):
        (scouted.root / name).unlink()
    scouted.build()
    assert scouted.run().out == plain


def test_program_that_was_replaced_is_put_again(scouted: Server) -> None:
    """The application's own build may have put its own there."""
    scouted.build()
    shutil.copy(scouted.root / "tool", scouted.root / "server")
    assert scouted.build() == [f"=> {scouted.root}/server"]
    scouted.check()


def test_other_place(scouted: Server) -> None:
    """--output leaves the scouted program where it is."""
    scouted.build("--output", "out")
    assert scouted.is_elite("out/server")
    assert scouted.project.is_scouted("server")
    scouted.check("out/server")


def test_stress(scouted: Server) -> None:
    """In .lp/stress/, so that the ordinary program stays; deopts can be forced in it."""
    scouted.build()
    scouted.build("--stress")
    assert scouted.build("--stress") == []
    assert scouted.build() == []
    plain = scouted.plain()
    for force in ("all", "nth:3", "random:1:0.5"):
        run = scouted.run(program=".lp/stress/server", LP_FORCE_DEOPT=force)
        assert run.out == plain
    scouted.check()


def test_scouting_again_after_a_build(scouted: Server) -> None:
    """`lp-wrap make` finds all up to date, so it puts the scouting program back."""
    scouted.build()
    result = scouted.project.wrap_ok("--phase", "scout", "make", "-s")
    assert "put back" in result.err
    assert scouted.project.is_scouted("server")
    shutil.rmtree(scouted.root / ".lp/traces")
    assert scouted.project.run("./server", *HOT).status == 0
    scouted.manifest()
    assert f"=> {scouted.root}/server" in scouted.build()
    scouted.check()


def test_after_a_captured_build(scouted: Server) -> None:
    """What is captured anew is built with the manifest there is."""
    scouted.project.wrap_ok("--phase", "capture", "make", "-s", "-B")
    assert not scouted.project.is_scouted("server")
    scouted.build()
    scouted.check()


def test_wrapped_specialising_build(scouted: Server) -> None:
    """The application's own build makes the specialised program."""
    result = scouted.project.wrap_ok("make", "-s", "-B")
    assert "specialize: 3 units compiled" in result.err
    assert scouted.is_elite()
    assert not scouted.is_elite("tool")
    scouted.check()
    scouted.build()
    scouted.check()


def test_specialising_build_with_scouted_objects(scouted: Server) -> None:
    """Objects that are not compiled again are linked plainly, not as they were scouted."""
    scouted.project.run("touch", "store.c")
    scouted.project.wrap_ok("--phase", "specialize", "make", "-s")
    assert not scouted.project.is_scouted("server")
    assert scouted.run().out == scouted.plain()


def test_specialising_build_that_is_up_to_date(scouted: Server) -> None:
    """The way that does without is named."""
    result = scouted.project.wrap_ok("make", "-s")
    assert "`lp build` makes the specialised program" in result.err


def test_stress_in_a_wrapped_build(scouted: Server) -> None:
    """--stress goes through the application's build too."""
    scouted.project.wrap_ok("--stress", "make", "-s", "-B")
    run = scouted.run(LP_FORCE_DEOPT="all")
    assert run.out == scouted.plain()


@pytest.mark.parametrize("flags", ["-O0 -g", "-O3", "-Os -flto", "-O2 -fPIE -pie"])
def test_flags(server: Server, flags: str) -> None:
    """Whatever the build compiles with."""
    server.scout("make", "-s", f"CFLAGS={flags}")
    server.build()
    server.check()


def test_position_independent_and_static_links(server: Server) -> None:
    """Programs with Elite code are at fixed addresses, whatever the link asked for."""
    for flags in ("-pie", "-static-pie", "-static", "-Wl,-pie,-z,now"):
        server.scout("make", "-s", "-B", f"LDFLAGS={flags}")
        server.build()
        server.check()


def test_clang(server: Server) -> None:
    """LP_CC=clang, for all of it."""
    server.scout(LP_CC="clang")
    server.build()
    server.check()
    assert server.project.units()["server.o"].compiler == "clang"


def test_copied_archive(server: Server) -> None:
    """`make install` copies a library, and the program is linked with the copy."""
    script = """
    make -s libstore.a server.o
    mkdir -p stage/lib
    cp libstore.a stage/lib/libother.a
    ranlib stage/lib/libother.a
    rm libstore.a store.o
    $CC -O2 -o server server.o -Lstage/lib -lother
    rm -rf stage
    """
    server.scout("sh", "-ec", script)
    server.build()
    server.check()


def test_relocatable_and_stripped_objects(server: Server) -> None:
    """ld -r of two, stripped; the program stripped too."""
    script = """
    make -s server.o store.o
    ld -r -o both.o server.o store.o
    strip -g both.o
    objcopy --add-symbol mark=.text:0 both.o marked.o
    $CC -o server marked.o
    strip server
    rm *.o
    """
    server.scout("sh", "-ec", script)
    made = server.build()
    assert "both.o" in made
    assert not any(line.startswith("tool") for line in made)
    server.check()
    assert "no symbols" in server.project.run("nm", "server").err
    assert server.build() == []


def test_compiled_and_linked_in_one(server: Server) -> None:
    """No object that a user would see."""
    server.scout("sh", "-ec", "$CC -O2 server.c store.c -o server")
    server.build()
    server.check()


def test_foreign_objects(server: Server) -> None:
    """What we did not compile is kept, should the build delete it."""
    server.project.write(extra__S="\t.globl extra\nextra:\tret\n\t.section .note.GNU-stack\n")
    script = """
    make -s server.o libstore.a
    $CC -c extra.S
    ar r libstore.a extra.o
    $CC -c extra.S -o more.o -Dextra=more
    $CC -o server server.o more.o -L. -lstore
    rm extra.* more.o libstore.a
    """
    server.scout("sh", "-ec", script)
    server.build()
    server.check()


def test_library_alone(server: Server) -> None:
    """What is never linked is what the build is for; it is made as it stands."""
    server.scout()
    shutil.rmtree(server.root / ".lp")
    server.project.wrap_ok("--phase", "capture", "make", "-s", "-B", "libstore.a")
    made = server.build()
    assert f"=> {server.root}/libstore.a" in made
    assert server.is_elite("libstore.a")


def test_units_without_debug_information(server: Server) -> None:
    """Line numbers are known all the same, and the program has none of it."""
    server.scout("make", "-s", "CFLAGS=-O2")
    server.build()
    run = server.run()
    deopts = run.statistics.deopts
    assert ("server.c", 14) in {(deopt.file, deopt.line) for deopt in deopts}
    (unit,) = server.root.glob(".lp/build/elite/units/server-*.o")
    assert ".debug" not in server.project.run("readelf", "-S", str(unit)).out


def test_in_parallel(scouted: Server) -> None:
    """-j; two builds at once wait for each other."""
    lp = tool("lp")
    result = scouted.project.run("sh", "-c", f"{lp} build -j4 & {lp} build -j1; wait $!")
    assert result.status == 0, result.err
    scouted.check()


def test_loop_whose_body_has_no_braces(server: Server) -> None:
    """Elite has it too: it is entered once, and again after each request that left."""
    with (server.root / "lp.toml").open("a") as out:
        out.write('loop = "main"\n')
    server.scout()
    server.build()
    server.check()
    left = sum(deopt.hits for deopt in server.run().statistics.deopts)
    assert 0 < server.run().statistics.entries <= 1 + left
