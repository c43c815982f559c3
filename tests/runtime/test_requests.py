# SPDX-License-Identifier: GPL-2.0-only
"""Requests in Elite, in wait mode and in queue mode: state survives, nothing is lost."""

from __future__ import annotations

import json
import resource
import signal
import subprocess

import pytest

from .conftest import Builder

MODES = ("wait", "queue")
COMPILERS = ("gcc", "clang")
DEPTHS = ("1", "2", "4", "5", "16", "17")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("mode", MODES)
def test_all_registers_survive_a_deopt(build: Builder, mode: str, compiler: str) -> None:
    done = build(compiler, mode=mode).check("registers", *DEPTHS)
    assert done.stats["deopts"]["total"] == len(DEPTHS)


@pytest.mark.parametrize("mode", MODES)
def test_all_registers_survive_where_elite_is_off(build: Builder, mode: str) -> None:
    program = build(mode=mode)
    done = program.run("leave", "3", "4", env={"LP_ELITE": "off"})
    assert (done.status, done.values["fallbacks"]) == (0, 3)
    assert done.stats["elite"] == "off"
    assert done.stats["requests"] == done.stats["deopts"]["total"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_requests_that_stay_finish_in_elite(build: Builder, mode: str) -> None:
    stats = build(mode=mode).check("elite", "1000", "4").stats
    assert stats["requests"] == stats["finished_in_elite"] == 1000
    assert stats["slots"]["high_water"] == 1
    assert stats["slots"]["in_use"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_requests_that_leave_are_counted_by_site(build: Builder, mode: str) -> None:
    done = build(mode=mode).check("leave", "500", "4")
    assert done.values["fallbacks"] == 500
    assert done.stats["requests"] == 500
    assert done.stats["finished_in_elite"] == 0
    site = {"name": "app.c:leaf:1:else", "file": "app.c", "line": 42, "hits": 500}
    assert done.stats["deopts"] == {"total": 500, "sites": [site]}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("mode", MODES)
def test_eight_threads_at_once(build: Builder, mode: str, compiler: str) -> None:
    done = build(compiler, mode=mode).check("threads", "8", "20000")
    stats = done.stats
    assert stats["requests"] == 160000
    assert 0 < stats["deopts"]["total"] < 160000
    assert stats["finished_in_elite"] == 160000 - stats["deopts"]["total"]
    assert stats["slots"]["in_use"] == 0
    assert stats["ring"]["queued"] == (stats["deopts"]["total"] if mode == "queue" else 0)


@pytest.mark.parametrize("mode", MODES)
def test_eight_threads_with_two_slots(build: Builder, mode: str) -> None:
    stats = build(mode=mode, stack_count=2, ring_size=2).check("threads", "8", "5000").stats
    assert stats["requests"] == 40000
    assert stats["slots"]["high_water"] <= 2


def test_a_thread_gives_its_slot_back_when_it_ends(build: Builder) -> None:
    done = build(stack_count=3).check("threads_in_turn", "100")
    assert (done.values["kept"], done.values["taken"]) == (0, 0)
    assert done.stats["slots"]["waits"] == 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_idle_threads_starve_nobody(build: Builder, count: int) -> None:
    done = build(stack_count=count).check("idle", "12")
    assert done.stats["requests"] == 120


@pytest.mark.parametrize("mode", MODES)
def test_without_a_free_slot_threads_wait_and_are_counted(build: Builder, mode: str) -> None:
    """Two requests hold both slots until all others wait."""
    done = build(mode=mode, stack_count=2, ring_size=2).check("exhaust", "6", "4")
    assert done.values["waits"] >= 4
    assert done.stats["slots"]["waits"] == done.values["waits"]
    assert done.values["fallbacks"] == 6


def test_a_full_ring_makes_the_dispatcher_wait_and_loses_nothing(build: Builder) -> None:
    program = build(mode="queue", ring_size=2, workers=1, stack_count=16)
    done = program.check("fill_ring", "50", "3")
    assert done.values["fallbacks"] == 50
    assert done.stats["ring"]["waits"] >= 1
    assert done.stats["ring"]["depth_max"] == 2


def test_queued_requests_finish_in_other_threads(build: Builder) -> None:
    done = build(mode="queue").check("other_thread", "100", "3")
    assert done.values["fallbacks"] == 100


def test_queued_requests_finish_before_the_program_ends(build: Builder) -> None:
    stats = build(mode="queue").check("end_early").stats
    assert stats["requests"] == 1
    assert stats["slots"]["in_use"] == 0


def test_a_request_that_ends_its_worker_leaves_the_others_one(build: Builder) -> None:
    done = build(mode="queue", stack_count=8).check("worker_exits", "50")
    assert done.values["fallbacks"] == 50
    assert done.values["taken"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_request_within_a_request_stays_on_its_slot(build: Builder, mode: str) -> None:
    done = build(mode=mode, stack_count=4).check("nested", "10", "2")
    assert done.values["nested"] == 30
    assert done.stats["requests"] == 10


@pytest.mark.parametrize("mode", MODES)
def test_elite_frames_below_a_nested_request_are_translated(build: Builder, mode: str) -> None:
    done = build(mode=mode).check("nested_in_elite", "1")
    assert done.values["nested"] == 1
    # The inner one takes the frames of both along.
    assert done.stats["deopts"]["total"] == 1


def test_a_slot_left_by_longjmp_is_used_again(build: Builder) -> None:
    done = build(stack_count=2).check("leave_by_longjmp", "100")
    assert done.values["taken"] == 1


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_slots_left_by_longjmp_from_many_depths_are_used_again(
    build: Builder, compiler: str, where: str
) -> None:
    """Each request is counted, whether or not it was jumped out of."""
    done = build(compiler).check("jump_out_at_depths", "10000", where)
    assert done.stats["requests"] == 10000
    assert done.stats["slots"]["own_stack"] == 0
    assert done.stats["slots"]["high_water"] <= 5
    assert done.values["fallbacks"] == 10000


@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_jump_out_of_a_request_passes_the_check_of_jumps(build: Builder, where: str) -> None:
    """__longjmp_chk takes a jump to a lower address for one to a frame that is gone."""
    program = build(defines=("_FORTIFY_SOURCE=2",))
    names = subprocess.run(
        ["nm", "-D", str(program.path)], capture_output=True, text=True, check=True
    ).stdout
    assert "__longjmp_chk" in names
    # Where stacks may grow without end, mappings are laid out from low addresses up.
    for limit in (8 << 20, resource.RLIM_INFINITY):
        limits = {resource.RLIMIT_STACK: limit}
        done = program.check("jump_out_at_depths", "100", where, limits=limits)
        assert done.stats["requests"] == 100
        assert done.stats["slots"]["own_stack"] == 0


def test_a_request_that_could_not_jump_out_of_a_slot_stays_on_its_stack(build: Builder) -> None:
    program = build(defines=("_FORTIFY_SOURCE=2", "STACKS_OF_ITS_OWN"))
    done = program.check("jump_out_at_depths", "100", "low")
    assert (done.stats["requests"], done.stats["slots"]["own_stack"]) == (100, 100)


def test_a_handler_on_a_stack_within_the_threads_leaves_the_request_alone(build: Builder) -> None:
    done = build().check("alternate_within")
    assert (done.values["fallbacks"], done.values["taken"]) == (2, 0)


def test_a_coroutine_on_a_stack_within_the_threads_leaves_the_request_alone(
    build: Builder,
) -> None:
    done = build(defines=("COROUTINES",)).check("coroutine_within")
    assert (done.values["fallbacks"], done.values["taken"]) == (2, 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_request_does_not_wait_for_ever_for_a_slot(build: Builder, mode: str) -> None:
    """Whoever has the only one waits for it; so it stays on its thread's stack after a while."""
    done = build(mode=mode, stack_count=1).check("wait_within")
    assert done.values["fallbacks"] == 2
    assert done.stats["requests"] == 2
    assert done.stats["slots"]["own_stack"] == 1


def test_a_slot_that_is_not_kept_comes_back_when_its_thread_ends_in_a_request(
    build: Builder,
) -> None:
    assert build(stack_count=1).check("thread_exits", "50").values["taken"] == 0


def test_a_thread_that_exits_within_a_request_unwinds_through_it(build: Builder) -> None:
    done = build(stack_count=2).check("thread_exits", "50")
    assert done.values["taken"] == 0


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("mode", MODES)
def test_unwinding_crosses_from_the_slot(build: Builder, mode: str, compiler: str) -> None:
    assert build(compiler, mode=mode).check("back_trace", "4").values["crossed"] == 1


@pytest.mark.parametrize("where", ["same", "alternate"])
@pytest.mark.parametrize("mode", MODES)
def test_signal_handlers_make_requests_anywhere(build: Builder, mode: str, where: str) -> None:
    assert build(mode=mode).check("signals", "3000", where).values["leaked"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_forked_children_go_on_with_counters_of_their_own(build: Builder, mode: str) -> None:
    program = build(mode=mode)
    before = set(program.folder.glob("own.*"))
    program.check("forks", "10", env={"LP_STATS": "own.%p"})
    found = [json.loads(f.read_text()) for f in set(program.folder.glob("own.*")) - before]
    requests = sorted(stats["requests"] for stats in found)
    assert requests == ([1, 11, 14] if mode == "wait" else [11, 13])


NO_THREADS = {"defines": ("NO_THREADS",), "link": ("-Wl,--wrap=pthread_create",), "mode": "queue"}


def test_a_child_that_gets_no_threads_finishes_requests_itself(build: Builder) -> None:
    done = build(**NO_THREADS).check("no_threads_in_child", "50", "3")
    assert done.out.count("fallbacks=50") == 1


def test_a_program_that_gets_no_threads_is_refused(build: Builder) -> None:
    done = build(**NO_THREADS).run("elite", "1", "1", env={"NO_THREADS": "1"})
    assert done.status == 2
    assert done.err.startswith("lakeplacid: no thread for queued requests: ")


def test_lookup_finds_elite_copies_and_keeps_registers(build: Builder) -> None:
    build().check("lookup")


@pytest.mark.parametrize("mode", MODES)
def test_loop_heads_enter_elite_and_leave_from_there(build: Builder, mode: str) -> None:
    done = build(mode=mode).check("entries", "17")
    assert done.values["turns_elite"] == 17
    assert done.values["entries"] == done.stats["entries"] == 5
    assert done.stats["deopts"]["total"] == 4
    assert done.stats["requests"] == 0


def test_loop_heads_stay_in_the_fallback_where_elite_is_off(build: Builder) -> None:
    done = build().run("entries", "17", env={"LP_ELITE": "off"})
    assert (done.values["turns_elite"], done.values["turns_fallback"]) == (0, 17)


def test_a_return_address_in_no_table_aborts(build: Builder) -> None:
    done = build(defines=("WITHOUT_RECORD",)).run("leave", "1", "4")
    assert done.status == -signal.SIGABRT
    assert "cannot leave Elite at app.c:leaf:1:else (app.c:42): no table has" in done.err


def test_a_wrong_frame_rule_aborts(build: Builder) -> None:
    done = build(defines=("BAD_RULE",)).run("leave", "1", "4")
    assert done.status == -signal.SIGABRT
    assert "gives the impossible frame address" in done.err


def test_a_static_program(build: Builder) -> None:
    build(link=("-static",), mode="queue").check("threads", "4", "1000")
