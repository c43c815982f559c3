# SPDX-License-Identifier: GPL-2.0-only
"""Slots are as large as the threads' stacks, and cost what is used of them."""

from __future__ import annotations

import resource
import signal

import pytest

from .conftest import Builder, Program

KIB = 1024
MIB = 1024 * KIB
MODES = ("wait", "queue")
COMPILERS = ("gcc", "clang")


def stack(size: int) -> dict[int, int]:
    return {resource.RLIMIT_STACK: size}


def size_of_slots(program: Program, limits: dict[int, int]) -> int:
    done = program.check("elite", "10", "3", limits=limits)
    assert done.stats["finished_in_elite"] == 10
    assert done.stats["slots"]["own_stack"] == 0
    return int(done.stats["slots"]["size"])


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        (8 * MIB, 8 * MIB),
        (64 * MIB, 64 * MIB),
        (3 * MIB + 4097, 3 * MIB + 8192),
        (128 * KIB, 256 * KIB),
        (resource.RLIM_INFINITY, 256 * MIB),
    ],
)
def test_a_slot_is_as_large_as_the_stack_of_a_thread(build: Builder, limit: int, size: int) -> None:
    assert size_of_slots(build(), stack(limit)) == size


def test_lp_toml_can_say_another_size(build: Builder) -> None:
    assert size_of_slots(build(stack_size=16384), stack(8 * MIB)) == 16384


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", ["deep", "deep_in_thread"])
def test_a_request_has_the_stack_that_the_plain_program_gives_it(
    build: Builder, mode: str, compiler: str, scenario: str
) -> None:
    build(compiler, mode=mode).check(scenario, "7000", "1", limits=stack(8 * MIB))


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_with_a_larger_stack_than_a_slot_keeps_it(build: Builder, mode: str) -> None:
    program = build(mode=mode, defines=("STACKS_OF_ITS_OWN",))
    words = ("deep_in_large_thread", "12000", "1")
    done = program.check(*words, "16384", limits=stack(8 * MIB))
    assert (done.stats["requests"], done.stats["slots"]["own_stack"]) == (2, 2)
    assert done.stats["ring"]["queued"] == 0

    done = program.check("deep_in_large_thread", "100", "1", "8192", limits=stack(8 * MIB))
    assert (done.stats["requests"], done.stats["slots"]["own_stack"]) == (2, 0)


def test_slots_of_the_size_that_large_threads_have_are_used(build: Builder) -> None:
    program = build(defines=("STACKS_OF_ITS_OWN",), stack_size=16 * MIB)
    done = program.check("deep_in_large_thread", "12000", "1", "16384", limits=stack(8 * MIB))
    assert done.stats["slots"]["own_stack"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_memory_goes_back_after_a_large_request(build: Builder, mode: str) -> None:
    done = build(mode=mode).check("deep", "7000", "0", limits=stack(8 * MIB))
    assert done.values["resident"] <= 256


def test_memory_goes_back_where_large_requests_follow_each_other(build: Builder) -> None:
    """Also where none left Elite since: it is looked for once in a while."""
    program = build(mode="wait")
    once = program.check("deep", "200", "0", limits=stack(8 * MIB)).values["resident"]
    assert once >= 200
    later = program.check("deep", "7000", "2000", limits=stack(8 * MIB)).values["resident"]
    assert later <= 256


@pytest.mark.parametrize("mode", MODES)
def test_running_over_the_end_of_a_slot_is_a_fault_that_is_told(build: Builder, mode: str) -> None:
    for program, kib in ((build(mode=mode, stack_size=16384), 16), (build(mode=mode), 1024)):
        done = program.run("guard", limits=stack(MIB))
        assert done.status == -signal.SIGSEGV
        assert done.err.startswith(
            f"lakeplacid: a request has used up its stack of {kib} KiB\n  remedy: "
        )


def test_what_a_program_finds_of_its_fault_handlers_is_as_plain(build: Builder) -> None:
    """Nobody asked for statistics: there is no handler, and nothing is told."""
    done = build().run("guard", limits=stack(MIB), env={"LP_STATS": ""})
    assert (done.status, done.err) == (-signal.SIGSEGV, "")
    assert build().check("fault_handler", env={"LP_STATS": ""}).values["plain"] == 1


@pytest.mark.parametrize("kind", ["fault", "sent"])
def test_other_faults_end_the_program_as_ever(build: Builder, kind: str) -> None:
    done = build().run("fault", kind)
    assert (done.status, done.err) == (-signal.SIGSEGV, "")


def test_a_handler_of_the_programs_own_sees_the_fault(build: Builder) -> None:
    done = build().run("handled", limits=stack(MIB))
    assert (done.status, done.err) == (7, "")


def test_a_large_frame_does_not_jump_over_the_guard(build: Builder) -> None:
    """900 KiB in one frame, where the stack ends after 512."""
    done = build().run("deep", "900", "0", limits=stack(512 * KIB))
    assert done.status == -signal.SIGSEGV


def test_with_little_address_space_slots_are_smaller_and_it_is_said(build: Builder) -> None:
    limits = {**stack(8 * MIB), resource.RLIMIT_AS: 256 * MIB}
    done = build().check("elite", "10", "3", limits=limits)
    assert done.stats["finished_in_elite"] == 10
    assert 64 * KIB <= done.stats["slots"]["size"] * 64 <= 32 * MIB
    assert done.err.startswith("lakeplacid: memory is limited (ulimit -v or -d): ")
    assert "\n  remedy: raise the limit, or lower stack_count" in done.err


def test_without_address_space_the_program_is_refused(build: Builder) -> None:
    limits = {resource.RLIMIT_AS: 100 * MIB}
    done = build(stack_count=4096).run("elite", "1", "1", limits=limits)
    assert done.status == 2
    assert done.err.startswith("lakeplacid: no address space for 4096 stack slots of 64 KiB: ")
    assert "\n  remedy: raise the limit" in done.err


def test_slots_that_are_not_used_cost_no_maps(build: Builder) -> None:
    program = build(stack_count=1024)
    off = program.check("cost", "5", env={"LP_ELITE": "off"}).values["maps"]
    assert program.check("cost", "5").values["maps"] <= off + 4


def test_a_forked_child_touches_no_slot_but_its_own(build: Builder) -> None:
    program = build(stack_count=1024)
    off = program.check("cost", "5", env={"LP_ELITE": "off"}).values["faults"]
    assert program.check("cost", "5").values["faults"] <= off + 30


@pytest.mark.parametrize("mode", MODES)
def test_slots_hold_code_where_the_programs_stacks_do(build: Builder, mode: str) -> None:
    program = build(mode=mode, link=("-Wl,-z,execstack",))
    program.check("code_on_stack", "3", "4")


def test_slots_hold_no_code_where_the_programs_stacks_do_not(build: Builder) -> None:
    done = build().run("code_on_stack", "1", "4")
    assert done.status == -signal.SIGSEGV
