# SPDX-License-Identifier: GPL-2.0-only
"""The malloc family keeps its promises, alone, under threads, and across fork."""

from __future__ import annotations

import signal

import pytest

from tests.alloc.build import Programs

CASES = (
    "alignment",
    "realloc_preserves",
    "realloc_grows",
    "calloc_zeroes",
    "overflow",
    "exhaustion",
    "reuse",
    "reuse_across_sizes",
    "give_back",
    "gives_back_at_once",
    "keeps_what_is_needed_again",
    "gives_back_when_it_is_no_longer_needed",
    "thread_churn",
)

# what is done wrong, and what the message says about it
MISUSES = {
    "double_free": "free(): the block is free already",
    "double_free_later": "free(): the block is free already",
    "double_free_large": "free(): not allocated, or freed already",
    "double_free_direct": "free(): not from this heap",
    "double_free_kept": "free(): not allocated, or freed already",
    "interior": "free(): not the start of a block",
    "misaligned": "free(): not the start of a block",
    "interior_large": "free(): not allocated",
    "interior_direct": "free(): not from this heap",
    "stack": "free(): not from this heap",
    "static": "free(): not from this heap",
    "wild": "free(): not from this heap: 0xdead00000000beef",
    "realloc_freed": "realloc(): the block is free already",
    "usable_size_freed": "malloc_usable_size(): the block is free already",
}


@pytest.mark.parametrize("case", CASES)
def test_family_keeps_its_promise(programs: Programs, case: str) -> None:
    """Each case of family.c, by its name."""
    done = programs.run("family", case)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("case", MISUSES)
def test_bad_pointer_aborts_with_a_message(programs: Programs, case: str) -> None:
    """The message names the function, what is wrong, and the pointer."""
    done = programs.run("misuse", case)
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.startswith(f"lakeplacid: {MISUSES[case]}")
    assert " 0x" in done.stderr


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_blocks_of_threads_do_not_overlap(programs: Programs, threads: int) -> None:
    """Threads free and resize each other's blocks; every pattern is found as it was left."""
    done = programs.run("storm", "run", str(threads), str(threads), "200000")
    assert (done.returncode, done.stderr) == (0, "")


def test_fork_amid_a_storm_of_threads(programs: Programs) -> None:
    """A child can allocate and make threads, whatever the parent's threads were doing."""
    done = programs.run("storm", "fork", "5", "3", "100")
    assert (done.returncode, done.stderr) == (0, "")


def test_heap_works_at_the_ends_of_a_program(programs: Programs) -> None:
    """In first constructors, last destructors, and destructors of thread-specific data."""
    done = programs.run("early")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_long_storm(programs: Programs, seed: int) -> None:
    """More of the same, with other seeds."""
    done = programs.run("storm", "run", str(seed), "4", "5000000", timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    done = programs.run("storm", "fork", str(seed), "4", "1000", timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
