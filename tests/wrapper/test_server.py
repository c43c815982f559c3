# SPDX-License-Identifier: GPL-2.0-only
"""lp-wrap's server for compiles and its client: a command is as if the client were the command."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lp_build.steps import tool
from lp_build.wrapper.server import make_client
from tests.wrapper.support import TIMEOUT, Project, Result, environment, run

# `lp tool ar COMMAND`: runs any command, in a process of the server's.
AR = '"$LP_CLIENT" tool ar'


def served(project: Project, script: str, **settings: str) -> Result:
    """A build that is a shell script. LP_CLIENT's other way is closed."""
    words = ("--quiet", "--phase", "capture", "sh", "-c", f"export LP_BIN=/nowhere; {script}")
    return project.wrap(*words, **settings)


@contextmanager
def building(project: Project, script: str) -> Iterator[subprocess.Popen[str]]:
    """The same, under way: it prints `ready`, and reads its standard input."""
    words = ["--quiet", "--phase", "capture", "bash", "-c", script]
    with subprocess.Popen(
        [tool("lp-wrap"), *words],
        cwd=project.root,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_status(project: Project, status: int) -> None:
    """The command's."""
    assert served(project, f"{AR} sh -c 'exit {status}'").status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_end_by_signal(project: Project, number: signal.Signals) -> None:
    """The client ends by the same."""
    result = served(project, f"exec {AR} sh -c 'kill -{int(number)} $$'")
    assert result.status == -number


def test_streams(project: Project) -> None:
    """Each where it belongs."""
    script = f"echo in | {AR} sh -c 'cat; echo err >&2'"
    result = served(project, script)
    assert (result.status, result.out, result.err) == (0, "in\n", "err\n")


def test_no_other_descriptors(project: Project) -> None:
    """Not the server's own, and not those of a command that runs at the same time: who reads from
    that one's pipe waits for its end only."""
    project.run("mkfifo", "fifo")
    script = f"{AR} sh -c 'read x <fifo' | cat & {AR} ls /proc/self/fd; echo >fifo; wait"
    result = served(project, script)
    # 3 is the folder that ls reads.
    assert (result.status, result.out.split()) == (0, ["0", "1", "2", "3"])


def test_folder(project: Project) -> None:
    """The client's current one, also where its name cannot be found again."""
    script = f"mkdir -p a/b; cd a/b; {AR} pwd; mkdir gone; cd gone; rmdir ../gone; {AR} ls"
    result = served(project, script)
    assert (result.status, result.out, result.err) == (0, f"{project.root}/a/b\n", "")


@pytest.mark.parametrize("mask", ["0077", "0000", "0022"])
def test_umask(project: Project, mask: str) -> None:
    """The client's."""
    assert served(project, f"umask {mask}; {AR} sh -c umask").out == f"{mask}\n"


def test_environment(project: Project) -> None:
    """The client's: values of any bytes, and nothing that lp-wrap was started with."""
    settings = {"GONE": "1", "KEPT": "two\nlines\udcff"}
    script = f"unset GONE; NEW='a=b' {AR} env -0 >theirs; NEW='a=b' env -0 >ours"
    assert served(project, script, **settings).status == 0
    theirs, ours = (
        dict(row.split(b"=", 1) for row in (project.root / name).read_bytes().split(b"\0") if row)
        for name in ("theirs", "ours")
    )
    for names in (theirs, ours):
        names.pop(b"_", None)
    assert theirs == ours
    assert ours[b"KEPT"] == b"two\nlines\xff"


def test_limits(project: Project) -> None:
    """The client's: of open files, of a core; and niceness."""
    script = f"ulimit -n 77; ulimit -c 0; exec nice -n 5 {AR} sh -c 'ulimit -n; ulimit -c; nice'"
    assert served(project, script).out == "77\n0\n5\n"


def test_many_at_once(project: Project) -> None:
    """Each gets its own answer."""
    loop = f'for i in $(seq 60); do {AR} sh -c "echo $i; exit $i" & pids="$pids $!"; done'
    wait = 'for p in $pids; do wait $p; echo "status $?"; done'
    lines = served(project, f"{loop}; {wait}").out.splitlines()
    assert sorted(lines) == sorted(
        [*(str(n) for n in range(1, 61)), *(f"status {n}" for n in range(1, 61))]
    )


def test_signals_are_passed_on(project: Project) -> None:
    """The compiler may take its time to end; `lp cc` then ends by the signal, as the compiler
    alone would have."""
    # The whole process group gets the signal, and lp cc passes it on.
    trap = "trap 'trap : TERM; echo caught; exit 5' TERM"
    command = f"{trap}; echo ready; while :; do read x <fifo; done"
    project.run("mkfifo", "fifo")
    script = f'{AR} bash -c "{command}" & read x; kill -TERM $!; wait $!; echo "status $?"'
    with building(project, script) as process:
        out, _ = process.communicate("go\n", TIMEOUT)
    assert out == "caught\nstatus 143\n"


def test_client_that_is_killed(project: Project) -> None:
    """Its command is told to end."""
    trap = "trap 'trap : TERM; echo caught >fifo; exit' TERM"
    command = f"{trap}; echo ready; while :; do read x <other; done"
    project.run("mkfifo", "fifo", "other")
    script = f'{AR} bash -c "{command}" & read x; kill -KILL $!; cat fifo'
    with building(project, script) as process:
        out, err = process.communicate("go\n", TIMEOUT)
    assert (out, process.returncode) == ("caught\n", 0), err


def test_signals_that_the_client_ignores(project: Project) -> None:
    """As under nohup: it goes on."""
    command = "echo ready; read x <fifo; echo end"
    project.run("mkfifo", "fifo")
    script = f"trap '' HUP; {AR} bash -c \"{command}\" & read x; kill -HUP $!; echo >fifo; wait $!"
    with building(project, script) as process:
        out, _ = process.communicate("go\n", TIMEOUT)
    assert (out, process.returncode) == ("end\n", 0)


CLIENT_OF_OURS = """
import os, socket, subprocess, sys
held = []
for sent in (b"", b"abc", b"\\0" * 40):
    client = socket.socket(socket.AF_UNIX)
    client.connect(os.environ["LP_SERVER"])
    client.sendall(sent)
    held.append(client)
# One that sends a whole request without descriptors, and one that is gone at once.
held[0].sendall(b"\\0" * 300)
socket.socket(socket.AF_UNIX).connect(os.environ["LP_SERVER"])
sys.exit(subprocess.run([os.environ["LP_CLIENT"], "tool", "ar", *sys.argv[1:]]).returncode)
"""


def test_client_that_says_nothing(project: Project) -> None:
    """Or half of what it should: nobody waits for it, and it does no harm."""
    project.write(clients__py=CLIENT_OF_OURS)
    result = served(project, "python3 clients.py echo served; python3 clients.py echo again")
    assert (result.status, result.out, result.err) == (0, "served\nagain\n", "")


def test_server_ends_with_lp_wrap(project: Project) -> None:
    """Even when that is killed: nothing runs on, and no folder is left."""
    with building(project, f'echo "$LP_SERVER" >server; {AR} true; echo ready; read x') as process:
        server = Path((project.root / "server").read_text().strip())
        assert server.is_socket()
        process.kill()
        # All of them hold the other ends of these pipes.
        process.communicate(timeout=TIMEOUT)
    assert not server.parent.exists()


def test_server_ends_after_its_commands(project: Project) -> None:
    """One that a build has left behind gets its end."""
    project.run("mkfifo", "fifo")
    with building(project, f"{AR} sh -c 'echo ready; read x <fifo; echo end' &") as process:
        (project.root / "fifo").write_text("\n")
        out, _ = process.communicate(timeout=TIMEOUT)
    assert (out, process.returncode) == ("end\n", 0)


# -- without the server ---------------------------------------------------------------------------


@pytest.fixture
def client(project: Project) -> Path:
    """The client's program."""
    made = make_client(project.build)
    assert made is not None
    return made


def alone(project: Project, client: Path, **settings: str) -> Result:
    """Run the client: `lp tool ar sh -c 'exit 9'`."""
    ours = {"LP_PHASE": "capture", "LP_BIN": str(Path(tool("lp")).parent)}
    env = environment(**{**ours, **settings})
    return run([client, "tool", "ar", "sh", "-c", "echo x; exit 9"], project.root, env)


@pytest.mark.parametrize("address", ["", "not/there", "/" + "x" * 200])
def test_no_server(project: Project, client: Path, address: str) -> None:
    """The client becomes `lp`."""
    assert alone(project, client, LP_SERVER=address) == Result(9, "x\n", "")


def test_no_server_and_no_lp(project: Project, client: Path) -> None:
    """Said; the shell's status for it."""
    result = alone(project, client, LP_BIN=str(project.root))
    assert result.status == 127
    assert f"{project.root}/lp: No such file" in result.err


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (struct.pack("=i", -(1 << 31)), Result(9, "x\n", "")),  # it can do no more
        (struct.pack("=i", 3), Result(3, "", "")),
        (b"", Result(1, "", "lp-client: lp-wrap's server is gone\n")),
        (b"\0", Result(1, "", "lp-client: lp-wrap's server is gone\n")),
    ],
    ids=["declined", "status", "gone", "half"],
)
def test_answers(project: Project, client: Path, answer: bytes, expected: Result) -> None:
    """A server that is asked to do what it can't is no reason to fail; one that dies is."""
    listener = socket.socket(socket.AF_UNIX)
    address = str(project.root / "server")
    listener.bind(address)
    listener.listen()
    if os.fork() == 0:
        connection, _ = listener.accept()
        data = b""
        while b"LP_SERVER=" not in data:
            data += connection.recv(1 << 16)
        connection.sendall(answer)
        connection.close()
        os._exit(0)
    listener.close()
    result = alone(project, client, LP_SERVER=address)
    os.wait()
    assert result == expected


def test_build_without_client(project: Project) -> None:
    """Each command starts Python then."""
    result = project.wrap("--quiet", "sh", "-c", "unset LP_CLIENT; gcc -c handler.c; ar cr a.a")
    assert (result.status, result.err) == (0, "")
    assert project.is_scouted("handler.o")


def test_job_server(project: Project) -> None:
    """gcc -flto takes its tokens from make's, as without us; -j makes no one wait."""
    project.write(
        handler__c="int handle(int x) { return x ? x : 1; }\n",
        Makefile="CFLAGS = -O2 -flto=jobserver\np: handler.o main.o\n\t+$(CC) $(CFLAGS) -o p $^\n",
    )
    plain = project.run("make", "-s", "-j2")
    for name in ("p", "handler.o", "main.o"):
        (project.root / name).unlink()
    assert project.wrap("--quiet", "make", "-s", "-j2") == plain
    assert project.is_scouted("p")
