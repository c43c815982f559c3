"""The scouting runtime: what a trace holds, whatever its process does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.profile.traces import ITERATION, REQUEST, read_trace, read_traces
from tests.scout.support import scout

PRELUDE = """
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile long sink;
__attribute__((noinline)) static int request(int n)
{
	for (int i = 0; i < n % 5; i++)
		sink += i;
	if (n % 2)
		sink++;
	return n;
}
"""


def test_equal_paths_are_one_class_and_loops_do_not_multiply_them(tmp_path: Path) -> None:
    program = scout(
        tmp_path, PRELUDE + "int main(void) { for (int i = 1; i <= 1000; i++) request(i); }"
    )
    assert program.run()[0] == 0
    # Odd or even, and with or without a turn of the loop: n % 5 == 0 for 200 of 1000.
    assert program.requests() == [100, 100, 400, 400]


def test_a_million_requests_take_megabytes(tmp_path: Path) -> None:
    program = scout(
        tmp_path, PRELUDE + "int main(void) { for (int i = 1; i <= 1000000; i++) request(i); }"
    )
    assert program.run()[0] == 0
    assert sum(program.requests()) == 1_000_000
    assert sum(p.stat().st_size for p in program.traces.iterdir()) < 4 << 20


def test_an_arm_is_named_by_file_function_ordinal_and_way(tmp_path: Path) -> None:
    program = scout(tmp_path, PRELUDE + "int main(void) { request(2); }")
    program.run()
    (trace,) = program.read()
    (item,) = trace.classes
    # The `if` (ordinal 1) went one way only.
    assert item.arms == {
        "program.c:request",
        "program.c:request:0:true",
        "program.c:request:0:false",
        "program.c:request:1:false",
    }


def test_threads_log_each_for_itself(tmp_path: Path) -> None:
    main = """
static void *work(void *unused)
{
	for (int i = 1; i <= 10000; i++)
		request(i);
	return unused;
}
int main(void)
{
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], 0, work, 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], 0);
}
"""
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 0
    assert program.requests() == [8000, 8000, 32000, 32000]


def test_a_forked_child_has_a_trace_of_its_own(tmp_path: Path) -> None:
    main = """
int main(void)
{
	for (int i = 0; i < 10; i++)
		request(2);
	if (fork() == 0) {
		for (int i = 0; i < 7; i++)
			request(2);
		exit(0);
	}
	wait(0);
	request(2);
}
"""
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 0
    assert program.requests() == [7, 11]


@pytest.mark.may_skip("only root can become another user")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_server_that_gives_up_root_and_its_environment_has_its_trace(tmp_path: Path) -> None:
    main = """
int main(void)
{
	if (fork() == 0) {
		clearenv();
		if (setuid(65534) || chdir("/"))
			exit(1);
		for (int i = 0; i < 7; i++)
			request(2);
		exit(0);
	}
	wait(0);
}
"""
    program = scout(tmp_path, PRELUDE + main)
    hidden = tmp_path / "hidden"  # as /root is
    hidden.mkdir(mode=0o700)
    status, _, err = program.run(traces=hidden / "traces")
    assert (status, err) == (0, "")
    assert [c.count for t in read_traces([hidden / "traces"]) for c in t.classes] == [7]


def test_closed_descriptors_lose_no_trace(tmp_path: Path) -> None:
    main = "int main(void) { for (int fd = 3; fd < 4096; fd++) close(fd); request(2); }"
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 0
    assert program.requests() == [1]


def test_fork_while_other_threads_log_does_not_hang(tmp_path: Path) -> None:
    main = """
static volatile int stop;
static void *work(void *unused)
{
	for (int i = 1; !stop; i++)
		request(i);
	return unused;
}
int main(void)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, work, 0);
	for (int i = 0; i < 100; i++) {
		if (fork() == 0) {
			request(2);
			exit(0);
		}
		wait(0);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], 0);
}
"""
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 0
    children = [t for t in program.read() if sum(c.count for c in t.classes) == 1]
    assert len(children) == 100


def test_a_killed_process_leaves_what_it_had(tmp_path: Path) -> None:
    main = """
int main(void)
{
	for (int i = 0; i < 500; i++)
		request(2);
	puts("done");
	fflush(stdout);
	pause();
}
"""
    program = scout(tmp_path, PRELUDE + main)
    process = program.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert program.requests() == [500]


def test_a_truncated_file_gives_what_it_holds_and_a_warning(tmp_path: Path) -> None:
    program = scout(
        tmp_path, PRELUDE + "int main(void) { for (int i = 1; i <= 10; i++) request(i); }"
    )
    program.run()
    (path,) = program.traces.iterdir()
    whole = read_trace(path)
    data = path.read_bytes()
    used = int.from_bytes(data[24:32], "little")
    best = 0
    for size in range(0, used + 1, 7):
        path.write_bytes(data[:size])
        cut = read_trace(path) if size == 0 or size >= 40 else None
        if cut is None:
            continue
        assert cut.warnings or size == used
        assert set(cut.classes) <= set(whole.classes)
        best = max(best, len(cut.classes))
    assert best == len(whole.classes) - 1


def test_an_unwritable_folder_is_said_once_and_the_program_goes_on(tmp_path: Path) -> None:
    program = scout(
        tmp_path,
        PRELUDE + 'int main(void) { for (int i = 0; i < 9; i++) request(i); puts("fine"); }',
    )
    blocked = tmp_path / "file"
    blocked.write_text("")
    status, out, err = program.run(traces=blocked / "traces")
    assert (status, out) == (0, "fine\n")
    assert err.count("scouting stops") == 1
    assert str(blocked / "traces") in err
    assert "remedy:" in err


def test_a_nested_request_belongs_to_the_outer_one(tmp_path: Path) -> None:
    source = """
static volatile int sink;
__attribute__((noinline)) static int request(int n)
{
	if (n > 0)
		return request(n - 1) + sink;
	return 0;
}
int main(void) { request(3); request(3); }
"""
    program = scout(tmp_path, source)
    program.run()
    assert program.requests() == [2]


def test_a_request_left_by_longjmp_ends_at_the_next(tmp_path: Path) -> None:
    source = """
#include <setjmp.h>
static jmp_buf back;
static volatile int sink;
__attribute__((noinline)) static int request(int n)
{
	if (n == 1)
		longjmp(back, 1);
	sink = n;
	return n;
}
int main(void)
{
	if (!setjmp(back))
		request(1);
	for (int i = 2; i < 5; i++)
		request(i);
}
"""
    program = scout(tmp_path, source)
    program.run()
    assert program.requests() == [1, 3]


def test_exit_within_a_request_ends_it(tmp_path: Path) -> None:
    source = """
#include <stdlib.h>
static int request(int n) { if (n) exit(3); return n; }
int main(void) { request(0); request(1); }
"""
    program = scout(tmp_path, source)
    assert program.run()[0] == 3
    assert program.requests() == [1, 1]


def test_nothing_is_logged_outside_of_requests(tmp_path: Path) -> None:
    source = """
static volatile int sink;
static void helper(int n) { if (n) sink++; }
static int request(int n) { helper(n); return n; }
int main(void) { helper(0); request(1); helper(0); }
"""
    program = scout(tmp_path, source)
    program.run()
    (trace,) = program.read()
    (item,) = trace.classes
    assert "program.c:helper:0:true" in item.arms
    assert "program.c:helper:0:false" not in item.arms


def test_iterations_of_the_loop_are_classes_of_their_own(tmp_path: Path) -> None:
    source = """
static volatile int sink;
static int request(int n) { if (n) sink++; return n; }
static void serve(void)
{
	for (int i = 0; i < 10; i++) {
		if (i % 2)
			sink--;
		request(i);
	}
}
int main(void) { serve(); }
"""
    program = scout(tmp_path, source, Config(request="request", loop="serve"))
    program.run()
    (trace,) = program.read()
    by_kind = {
        kind: sorted(c.count for c in trace.classes if c.kind == kind)
        for kind in (REQUEST, ITERATION)
    }
    assert by_kind[REQUEST] == [1, 9]
    assert sum(by_kind[ITERATION]) == 10
    assert not any(
        arm.startswith("program.c:request:")
        for c in trace.classes
        if c.kind == ITERATION
        for arm in c.arms
    )


def test_targets_of_indirect_calls_are_named(tmp_path: Path) -> None:
    source = """
#include <stdlib.h>
static int local(int n) { return n + 1; }
int global(int n) { return n + 2; }
static int (*volatile table[3])(int) = {local, global, abs};
static int request(int n) { return table[n](n); }
int main(void) { for (int i = 0; i < 9; i++) request(i % 3); }
"""
    program = scout(tmp_path, source)
    program.run()
    (trace,) = program.read()
    assert {(t.site, t.symbol) for t in trace.targets} == {
        ("program.c:request:0", "program.c:local"),
        ("program.c:request:0", "global"),
        ("program.c:request:0", "abs"),
    }
