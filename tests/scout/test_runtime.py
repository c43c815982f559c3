# SPDX-License-Identifier: GPL-2.0-only
"""The scouting runtime: what a trace holds, whatever its process does."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.manifest.traces import ITERATION, REQUEST, TraceReader, read_traces
from tests.scout.support import Scouted, scout

HEADER, USED = 320, 296  # bytes of the header, and where in it the length in use stands
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
    assert sum(p.stat().st_size for p in program.traces.iterdir()) < 64 << 10


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


def test_a_forked_child_counts_in_its_parents_trace(tmp_path: Path) -> None:
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
    assert program.requests() == [18]


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


# Paths enough for a second megabyte of file: each request takes other arms.
MANY_PATHS = """
static volatile long sink;
#define ARM(n) if (bits >> n & 1) sink++;
#define ARMS(n) ARM(n) ARM(n + 1) ARM(n + 2) ARM(n + 3)
__attribute__((noinline)) static void request(int bits) { ARMS(0) ARMS(4) ARMS(8) ARMS(12) }
"""


def test_a_relative_folder_counts_from_where_the_program_started(tmp_path: Path) -> None:
    main = 'int main(void) { if (chdir("/")) exit(1); request(2); }'
    scout(tmp_path, PRELUDE + main)
    script = f"cd {tmp_path} && LP_TRACE_DIR=relative ./program"
    subprocess.run(["sh", "-c", script], check=True)
    assert len(read_traces([tmp_path / "relative"])) == 1


def test_closed_descriptors_lose_no_trace(tmp_path: Path) -> None:
    main = "int main(void) { for (int fd = 3; fd < 4096; fd++) close(fd); request(2); }"
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 0
    assert program.requests() == [1]


def test_a_descriptor_that_the_program_closes_and_uses_is_left_alone(tmp_path: Path) -> None:
    main = """
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
	request(0);
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
	int own = open("own", O_RDWR | O_CREAT, 0600);
	for (int fd = 4; fd < 1020; fd++)
		dup2(own, fd);
	for (int i = 1; i < 20000; i++)
		request(i);
}
"""
    program = scout(tmp_path, MANY_PATHS + main)
    subprocess.run(
        [str(program.program)],
        cwd=tmp_path,
        env={**os.environ, "LP_TRACE_DIR": str(program.traces)},
        check=True,
    )
    assert program.requests() == [1] * 20000
    (path,) = program.traces.iterdir()
    assert path.stat().st_size > 1 << 20
    assert (tmp_path / "own").stat().st_size == 0


def test_the_trace_takes_no_descriptor_that_the_program_would_get(tmp_path: Path) -> None:
    main = """
#include <fcntl.h>
int main(void) { request(2); return open("/dev/null", O_RDONLY); }
"""
    program = scout(tmp_path, PRELUDE + main)
    assert program.run()[0] == 3


def test_a_folder_that_is_removed_before_the_first_request_is_made_again(tmp_path: Path) -> None:
    main = 'int main(void) { puts("up"); fflush(stdout); getchar(); request(2); }'
    program = scout(tmp_path, PRELUDE + main)
    process = program.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    shutil.rmtree(program.traces)
    assert process.communicate("\n")[1] == ""
    assert program.requests() == [1]


@pytest.mark.may_skip("only some machines let a test mount a small disk")
@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).returncode != 0,
    reason="only some machines let a test mount a small disk",
)
def test_a_full_disk_is_said_and_what_was_seen_before_is_kept(tmp_path: Path) -> None:
    main = "int main(void) { for (int i = 0; i < 65536; i++) request(i); }"
    program = scout(tmp_path, MANY_PATHS + main)
    (tmp_path / "disk").mkdir()
    script = "mount -t tmpfs -o size=1500k none disk && ./program && cp -r disk/traces traces"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "LP_TRACE_DIR": "disk/traces"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("scouting stops") == 1
    assert "remedy: free some space" in done.stderr
    (trace,) = program.read()
    assert len(trace.classes) > 1000
    (warning,) = trace.warnings
    assert "stopped scouting" in warning
    assert "No space left on device" in warning


def test_a_limit_of_file_size_does_not_kill_the_program(tmp_path: Path) -> None:
    main = 'int main(void) { for (int i = 0; i < 65536; i++) request(i); puts("fine"); }'
    program = scout(tmp_path, MANY_PATHS + main)
    limits = {2200: 1, 0: 0}  # blocks of 512 bytes, and how many traces there is room to begin
    for limit, traces in limits.items():
        folder = tmp_path / f"traces{limit}"
        script = f"ulimit -f {limit} && LP_TRACE_DIR={folder} exec {program.program}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "fine\n"
        assert "File too large" in done.stderr
        # One that could not begin leaves no file behind.
        assert len(list(folder.iterdir())) == traces


def test_a_limit_of_addresses_is_said_and_the_program_goes_on(tmp_path: Path) -> None:
    program = scout(tmp_path, PRELUDE + 'int main(void) { request(2); puts("fine"); }')
    script = f"ulimit -v 500000 && LP_TRACE_DIR={program.traces} exec {program.program}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "fine\n"
    assert "remedy: free some memory" in done.stderr


def by_children(program: Scouted) -> int:
    """Requests of the one path that only children take: odd, without a turn of the loop."""
    (trace,) = program.read()
    ways = {"program.c:request:0:true": False, "program.c:request:1:true": True}
    return sum(c.count for c in trace.classes if all((k in c.arms) is v for k, v in ways.items()))


def test_fork_while_other_threads_log_does_not_hang(tmp_path: Path) -> None:
    main = """
static volatile int stop;
static void *work(void *unused)
{
	for (int i = 2; !stop; i += 2)
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
			request(-7);
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
    assert by_children(program) == 100


def test_a_fork_by_system_call_while_other_threads_log_counts_too(tmp_path: Path) -> None:
    main = """
#include <signal.h>
#include <sys/syscall.h>
static volatile int stop;
static void *work(void *unused)
{
	for (int i = 2; !stop; i += 2)
		request(i);
	return unused;
}
int main(void)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], 0, work, 0);
	for (int i = 0; i < 50; i++) {
		if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
			request(-7);
			request(-7);
			_exit(0);
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
    assert by_children(program) == 100


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
    whole = TraceReader().read(path)
    data = path.read_bytes()
    used = int.from_bytes(data[USED : USED + 8], "little")
    best = 0
    for size in range(0, used + 1, 7):
        path.write_bytes(data[:size])
        cut = TraceReader().read(path) if size == 0 or size >= HEADER else None
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


def test_forked_workers_that_cannot_write_say_so_once(tmp_path: Path) -> None:
    main = """
int main(void)
{
	for (int i = 0; i < 5; i++) {
		if (fork() == 0) {
			request(2);
			exit(0);
		}
		wait(0);
	}
}
"""
    program = scout(tmp_path, PRELUDE + main)
    blocked = tmp_path / "file"
    blocked.write_text("")
    status, _, err = program.run(traces=blocked / "traces")
    assert (status, err.count("scouting stops")) == (0, 1)


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    program = scout(tmp_path, PRELUDE + "int main(void) { request(2); }")
    status, _, err = program.run(traces=tmp_path / "/".join(["x" * 200] * 21))
    assert status == 0
    assert "File name too long" in err


def test_a_damaged_record_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    program = scout(
        tmp_path, PRELUDE + "int main(void) { for (int i = 1; i <= 10; i++) request(i); }"
    )
    program.run()
    (path,) = program.traces.iterdir()
    whole = TraceReader().read(path)
    data = bytearray(path.read_bytes())
    start = (HEADER + int.from_bytes(data[16:24], "little") + 7) & ~7
    for field in (0, 16, 20, 24, 28, 32):  # type, kind, length, both checksums, the first arm
        damaged = data.copy()
        damaged[start + field] ^= 0x40
        path.write_bytes(damaged)
        trace = TraceReader().read(path)
        assert set(trace.classes) < set(whole.classes), field
        assert trace.warnings, field


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


def test_a_request_that_is_inlined_into_another_belongs_to_the_outer_one(tmp_path: Path) -> None:
    source = """
static volatile int sink;
static inline __attribute__((always_inline)) int request(int n)
{
	if (n)
		sink++;
	return n;
}
__attribute__((noinline)) static int twice(int n) { return request(n) + request(n); }
int main(void) { twice(0); }
"""
    program = scout(tmp_path, source)
    program.run()
    assert program.requests() == [2]


def test_a_thread_that_ends_within_a_request_ends_it(tmp_path: Path) -> None:
    source = """
#include <pthread.h>
static void *request(void *end) { if (end) pthread_exit(0); return 0; }
int main(void)
{
	pthread_t thread;
	pthread_create(&thread, 0, request, &thread);
	pthread_join(thread, 0);
}
"""
    program = scout(tmp_path, source)
    assert program.run()[0] == 0
    (trace,) = program.read()
    (item,) = trace.classes
    assert "program.c:request:0:true" in item.arms


def test_a_loop_goes_on_after_a_request_that_was_left_by_longjmp(tmp_path: Path) -> None:
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
__attribute__((noinline)) static void guard(int n)
{
	if (!setjmp(back))
		request(n);
}
__attribute__((noinline)) static void serve(void)
{
	for (int i = 0; i < 6; i++) {
		if (i < 2)
			guard(i);
	}
}
int main(void) { serve(); }
"""
    program = scout(tmp_path, source, Config(request="request", loop="serve"))
    program.run()
    (trace,) = program.read()
    iterations = [c for c in trace.classes if c.kind == ITERATION]
    assert sum(c.count for c in iterations) == 6
    assert program.requests() == [1, 1]


def test_signals_that_come_while_a_path_is_counted_do_not_hang(tmp_path: Path) -> None:
    main = """
#include <signal.h>
#include <sys/time.h>
static volatile int ticks;
static void one(void) { ticks++; }
static void two(void) { ticks += 2; }
static void (*volatile calls[2])(void) = {one, two};
static void tick(int signal) { (void)signal; calls[ticks & 1](); request(ticks); }
int main(void)
{
	struct itimerval often = {{0, 50}, {0, 50}};
	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < 65536; i++)
		request(i);
	often = (struct itimerval){{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &often, 0);
	return ticks == 0;
}
"""
    program = scout(tmp_path, "#include <stdlib.h>\n" + MANY_PATHS + main)
    assert program.run()[0] == 0
    assert sum(program.requests()) > 60000


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


def test_each_call_of_a_target_is_counted_in_children_too(tmp_path: Path) -> None:
    main = """
#include <sys/wait.h>
#include <unistd.h>
static int one(int n) { return n; }
static int two(int n) { return n; }
static int (*volatile table[2])(int) = {one, two};
static int request(int n) { return table[n % 3 == 0](n); }
int main(void)
{
	for (int i = 0; i < 9; i++)
		request(i);
	if (fork() == 0) {
		for (int i = 0; i < 3; i++)
			request(i);
		return 0;
	}
	wait(0);
}
"""
    program = scout(tmp_path, main)
    program.run()
    counts = sorted((t.symbol, t.count) for trace in program.read() for t in trace.targets)
    assert counts == [("program.c:one", 8), ("program.c:two", 4)]


CHILDREN = """
#include <fcntl.h>
#include <grp.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#define CHILDREN(number, end)                                                                      \
	for (int i = 0; i < number; i++) {                                                         \
		if (fork() == 0) {                                                                 \
			request(i);                                                                \
			end;                                                                       \
		}                                                                                  \
		wait(0);                                                                           \
	}
"""


def held(folder: Path) -> int:
    """Bytes of disk below a folder, as du tells them."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*"))


def test_a_thousand_forked_processes_share_one_small_file(tmp_path: Path) -> None:
    program = scout(tmp_path, PRELUDE + CHILDREN + "int main(void) { CHILDREN(1000, exit(0)) }")
    assert program.run()[0] == 0
    assert sum(program.requests()) == 1000
    assert len(list(program.traces.iterdir())) == 1
    assert held(program.traces) < 64 << 10
    assert sum(path.stat().st_size for path in program.traces.iterdir()) < 64 << 10


def test_a_killed_parent_of_many_leaves_a_small_file_too(tmp_path: Path) -> None:
    main = "int main(void) { CHILDREN(50, exit(0)) kill(getpid(), SIGKILL); }"
    program = scout(tmp_path, "#include <signal.h>\n" + PRELUDE + CHILDREN + main)
    assert program.run()[0] == -signal.SIGKILL
    assert sum(program.requests()) == 50
    assert held(program.traces) < 64 << 10


@pytest.mark.parametrize("end", ["_exit(0)", "_Exit(0)", "exit(0)", "pthread_exit(0)"])
def test_a_child_that_ends_within_a_request_counts_it(tmp_path: Path, end: str) -> None:
    source = f"""
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int sink;
__attribute__((noinline)) static void request(void) {{ sink++; {end}; }}
int main(void)
{{
	for (int i = 0; i < 5; i++) {{
		if (fork() == 0)
			request();
		wait(0);
	}}
	_exit(0);
}}
"""
    program = scout(tmp_path, source)
    assert program.run()[0] == 0
    assert program.requests() == [5]


def test_a_child_of_vfork_ends_no_request_of_its_parent(tmp_path: Path) -> None:
    source = """
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>
static volatile int sink;
static void request(int n)
{
	if (vfork() == 0)
		_exit(0);
	wait(0);
	if (n)
		sink++;
}
int main(void) { request(1); return 0; }
"""
    program = scout(tmp_path, source)
    assert program.run()[0] == 0
    (trace,) = program.read()
    (item,) = trace.classes
    assert "program.c:request:1:true" in item.arms


def test_a_process_that_is_killed_while_it_appends_stops_no_other(tmp_path: Path) -> None:
    main = """
#include <signal.h>
int main(void)
{
	for (int round = 0; round < 40; round++) {
		pid_t child = fork();
		if (child == 0)
			for (int i = round; ; i += 41)
				request(i & 0xffff);
		usleep(500);
		kill(child, SIGKILL);
		waitpid(child, 0, 0);
	}
	for (int i = 0; i < 1000; i++)
		request(i);
}
"""
    program = scout(tmp_path, "#include <unistd.h>\n#include <sys/wait.h>\n" + MANY_PATHS + main)
    assert program.run()[0] == 0
    (trace,) = program.read()
    assert trace.warnings == ()
    assert sum(c.count for c in trace.classes) >= 1000


def test_children_that_find_new_paths_at_once_lose_none(tmp_path: Path) -> None:
    main = """
int main(void)
{
	for (int child = 0; child < 8; child++)
		if (fork() == 0) {
			for (int i = 0; i < 2000; i++)
				request(i);
			_exit(0);
		}
	while (wait(0) > 0)
		;
}
"""
    program = scout(tmp_path, "#include <unistd.h>\n#include <sys/wait.h>\n" + MANY_PATHS + main)
    assert program.run()[0] == 0
    (trace,) = program.read()
    assert sum(c.count for c in trace.classes) == 16000
    assert len({c.arms for c in trace.classes}) == 2000
    assert held(program.traces) < 8 << 20


# What a daemon does before it serves: traces are left whatever it is.
DAEMONS = {
    "gives_up_root": "if (setgroups(0, 0) || setgid(65534) || setuid(65534)) exit(1);",
    "changes_root": 'if (chroot("/proc") || chdir("/")) exit(1);',
    "closes_all": "syscall(SYS_close_range, 0, ~0u, 0);",
    "all_of_it": """
	umask(077);
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	clearenv();
	syscall(SYS_close_range, 0, ~0u, 0);
	if (chroot("/proc") || chdir("/") || setgid(65534) || setuid(65534))
		exit(1);
""",
    "has_no_descriptors_left": """
	struct rlimit none = {0, 0};
	syscall(SYS_close_range, 3, ~0u, 0);
	setrlimit(RLIMIT_NOFILE, &none);
""",
}


@pytest.mark.may_skip("only root can become another user")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("umask", [0o22, 0o77])
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_leaves_its_trace(tmp_path: Path, daemon: str, umask: int) -> None:
    """The folder is one that only root can write to, or reach."""
    main = f"""
#include <sys/prctl.h>
#include <sys/resource.h>
int main(void)
{{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork()) {{
		while (wait(0) > 0)
			;
		return 0;
	}}
	{DAEMONS[daemon]}
	CHILDREN(20, _exit(0))
	request(1);
	_exit(0);
}}
"""
    program = scout(tmp_path, "#define _GNU_SOURCE\n" + PRELUDE + CHILDREN + main)
    hidden = tmp_path / "hidden"
    (hidden / "traces").mkdir(mode=0o755, parents=True)
    hidden.chmod(0o700)
    environment = {**os.environ, "LP_TRACE_DIR": str(hidden / "traces")}
    done = subprocess.run(
        [program.program], env=environment, umask=umask, capture_output=True, text=True
    )
    assert done.stderr == ""
    traces = read_traces([hidden / "traces"])
    assert sum(c.count for t in traces for c in t.classes if c.kind == REQUEST) == 21
    assert stat.S_IMODE((hidden / "traces").stat().st_mode) == 0o755  # nobody asked for more


@pytest.mark.may_skip("only root can become another user")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_builds_own_folder_is_open_to_all_whenever_root_starts_the_program(
    tmp_path: Path,
) -> None:
    """A server may start itself once more when it is another user; a folder that a survey or
    somebody's umask made is opened too, and no link is followed."""
    program = scout(tmp_path, PRELUDE + "int main(void) { request(1); }")
    environment = {k: v for k, v in os.environ.items() if k != "LP_TRACE_DIR"}
    own = BuildDir(tmp_path).traces
    own.mkdir(parents=True, mode=0o755)
    subprocess.run([program.program], env=environment, check=True)
    assert stat.S_IMODE(own.stat().st_mode) == 0o1777
    elsewhere = tmp_path / "elsewhere"
    own.rename(elsewhere)
    elsewhere.chmod(0o755)
    own.symlink_to(elsewhere)
    subprocess.run([program.program], env=environment, check=True)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755
    assert len(list(elsewhere.glob("*.lpt"))) == 2


def test_a_program_without_requests_leaves_nothing(tmp_path: Path) -> None:
    program = scout(tmp_path, PRELUDE + "int main(void) { return sink && request(1); }")
    assert program.run()[0] == 0
    assert list(program.traces.iterdir()) == []


def test_a_request_that_never_ends_is_told_from_none(tmp_path: Path) -> None:
    source = """
#include <signal.h>
#include <unistd.h>
static void request(void) { kill(getpid(), SIGKILL); }
int main(void) { request(); }
"""
    program = scout(tmp_path, source)
    assert program.run()[0] == -signal.SIGKILL
    (trace,) = program.read()
    assert (trace.begun, trace.classes) == (True, ())
