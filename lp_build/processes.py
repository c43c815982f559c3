# SPDX-License-Identifier: GPL-2.0-only
"""Run other programs as if they stood in our place: same status, same signals."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO, TypeVar

from lp_build.errors import LakePlacidError

Result = TypeVar("Result")

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class Quiet:
    """How a command ended that was run unseen: status as subprocess gives it (-n for signal n),
    and what it printed."""

    status: int
    output: str


# By these a compiler is told to write or say more than its command line asks for, at each run;
# the build's own run has done that (gcc manual, "Environment Variables"; clang's Driver.cpp).
_ASKING = frozenset(
    "DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES CC_PRINT_OPTIONS CC_PRINT_HEADERS "
    "CC_LOG_DIAGNOSTICS CC_PRINT_PROC_STAT CC_PRINT_INTERNAL_STAT".split()
)


def run_quietly(
    command: Sequence[str], cwd: str | None = None, environment: Mapping[str, str] = os.environ
) -> Quiet:
    """Run a command unseen. One that can't be started has status 127."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={name: value for name, value in environment.items() if name not in _ASKING},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        return Quiet(127, f"{command[0]}: {error.strerror}")
    return Quiet(done.returncode, done.stdout.decode("utf-8", "replace"))


def is_lost() -> bool:
    """Whether our current folder is gone. A compiler of absolute names needs none, but we do."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


class Visible:
    """The build's own command, started with our standard streams. Signals that we get while it
    runs are passed on to it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = 0
        try:
            # What we were given, it is given: descriptors of make's job server too.
            self._process = subprocess.Popen(command, close_fds=False)
        except OSError as error:
            print(f"lp-cc: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
            self._failed = 127

    def wait(self) -> int:
        """Its status, -n for signal n."""
        return self._failed if self._process is None else self._process.wait()

    def send(self, number: int) -> None:
        """Pass on a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


class Stopped(BaseException):
    """We were sent a signal. Not an Exception: nothing but `passing_signals` is to handle it."""


def run(command: Sequence[str]) -> int:
    """Run the build's own command to its end; its status, -n for signal n."""
    visible = Visible(command)
    with passing_signals(visible):
        return visible.wait()


@contextmanager
def passing_signals(visible: Visible) -> Iterator[None]:
    """While inside: a signal for us goes to the command, and then ends us in the same way. What
    else we run, unseen, is ended by the exception."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        visible.send(number)
        raise Stopped(number)

    old = {number: signal.signal(number, pass_on) for number in _PASSED_ON if _is_heard(number)}
    try:
        yield
    except Stopped as stopped:
        for number in old:
            signal.signal(number, signal.SIG_IGN)
        visible.wait()
        _end_others()
        die_by(stopped.args[0])
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _end_others() -> None:
    """End what else we run: a pass in its own process, and what we were just starting when the
    signal came."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if children.exists():
        for process in children.read_text().split():
            os.kill(int(process), signal.SIGTERM)
            os.waitpid(int(process), 0)


def run_beside(act: Callable[[], Result]) -> Result:
    """What `act` returns, from a process of its own: libclang, or the kernel, may end that one, but
    not us, who look after the build's own command. What was killed, as the kernel does for want of
    memory when much is compiled at once, is tried once more: a unit that stayed plain for it would
    be missing from scouting, in this build only. Raises LakePlacidError where it has ended."""
    code, data = _beside(act)
    if code == -signal.SIGKILL:
        code, data = _beside(act)
    if code == -signal.SIGKILL:
        raise LakePlacidError(
            "our pass was killed, twice",
            remedy="it is compiled plainly; if there is too little memory, build with fewer jobs",
        )
    if code != 0:
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        raise LakePlacidError(
            f"our pass ended by {how}", remedy="it is compiled plainly; please report this"
        )
    result: Result = pickle.loads(data)
    return result


def _beside(act: Callable[[], Result]) -> tuple[int, bytes]:
    """How a process that runs `act` ended, and what it wrote."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _act(act, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), data


def _act(act: Callable[[], Result], writing: int) -> None:
    """In a process of its own: write the result, and end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in _PASSED_ON:
            signal.signal(number, stop)
        with os.fdopen(writing, "wb") as out:
            pickle.dump(act(), out)
        status = 0
    except Stopped:
        _end_others()
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def _is_heard(number: int) -> bool:
    """Whether a signal isn't ignored: under nohup, and so be it then."""
    return signal.getsignal(number) != signal.SIG_IGN


def run_passing(
    command: Sequence[str], environment: Mapping[str, str], output: BinaryIO | None = None
) -> int:
    """Run a whole build; signals that are sent to us alone are passed on. Those of the terminal
    have reached it already: it is in our process group. output: where its standard output goes
    (None: where ours does). Raises OSError when it can't be started."""
    waited = {*_PASSED_ON, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
        )
        while process.poll() is None:
            info = signal.sigwaitinfo(waited)
            by_a_process = info.si_code <= 0
            if info.si_signo != signal.SIGCHLD and by_a_process:
                process.send_signal(info.si_signo)
        return process.returncode
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def die_by(number: int) -> None:
    """End this process by a signal, without a core of our own."""
    sys.stdout.flush()
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def exit_status(status: int) -> int:
    """A command's status as our own: where a signal ended it, the same signal ends us."""
    if status < 0:
        die_by(-status)
        return 128 - status
    return status
