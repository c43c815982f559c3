# SPDX-License-Identifier: GPL-2.0-only
"""One run of a guest: boot, run a command, take its output and status, judge the console."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lp_build.kernels.errors import VmError
from lp_build.kernels.find import Kernel, find_kernel
from lp_build.kernels.versions import DEFAULT
from lp_build.vm.console import find_failure
from lp_build.vm.errors import GuestFailure, GuestHung, GuestLost
from lp_build.vm.initramfs import base_archive, run_archive
from lp_build.vm.qemu import Machine, Wiring, choose_accelerator, command_line, find_qemu
from lp_build.vm.share import complaints, shared_files

# A guest that has told its result is reset within moments, or hangs there.
RESET_SECONDS = 20.0
KEPT_LOGS = 20
CHUNK = 65536
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = "/run/lakeplacid/bin"
# What a command needs to find itself in the guest as it would here.
PASSED = ("LANG", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "TERM")
PROJECT_SIGNS = (".git", ".lp", "lp.toml")


@dataclass(frozen=True)
class GuestCommand:
    """What to run, and on which machine.

    kernel: one of SERIES; append: more kernel arguments; timeout: seconds on this machine's
    clock, boot included; memory: MiB; accelerator: "auto", "kvm" or "tcg"; icount: its clock goes
    by instructions (one processor, emulated); modules: more of the kernel's own modules to load;
    cwd: the command's folder; writable: the folders that the guest
    may change (default: the working tree that cwd is in).
    """

    argv: Sequence[str]
    kernel: str = DEFAULT
    append: str = ""
    timeout: float = 120.0
    memory: int = 1024
    cpus: int = 2
    accelerator: str = "auto"
    icount: bool = False
    modules: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    writable: tuple[Path, ...] | None = None


@dataclass(frozen=True)
class GuestResult:
    """How the command ended: its exit status (128 + the signal's number if one ended it), what it
    wrote, all that the kernel printed, and the seconds that the whole took here."""

    status: int
    stdout: bytes
    stderr: bytes
    console: str
    seconds: float


def working_tree(cwd: Path) -> Path:
    """The project that `cwd` is in: the nearest folder upwards with a sign of one, else `cwd`."""
    for folder in (cwd, *cwd.parents):
        if any((folder / sign).exists() for sign in PROJECT_SIGNS):
            return folder
    return cwd


def guest_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The command's environment in the guest, from this process's own."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in PASSED or name.startswith(("LP_", "LC_"))
    }
    path = ":".join([*(environ.get("PATH", SBIN).split(":")), TOOLS])
    return {**kept, "PATH": path, "HOME": "/root", "USER": "root"}


def run_guest(
    command: GuestCommand,
    cache: Path,
    environ: Mapping[str, str],
    on_output: Callable[[int, bytes], None] | None = None,
) -> GuestResult:
    """Boot, run the command as root, and return how it ended.

    cache: the cache folder; on_output(1 or 2, data): called with what the command writes, as it
    comes. Raises VmError when no guest can be started, and a GuestFailure (its subclasses tell
    which) for a panic, an oops, a warning, a hang or a lost guest.
    """
    program = find_qemu()
    kernel = find_kernel(command.kernel, cache)
    accelerator = "tcg" if command.icount else choose_accelerator(command.accelerator)
    machine = Machine(command.cpus, command.memory, accelerator, command.icount)
    cwd = command.cwd.absolute()
    writable = (working_tree(cwd),) if command.writable is None else command.writable
    with tempfile.TemporaryDirectory(prefix="lp-vm-") as folder:
        run = Path(folder)
        initrd = run / "initrd"
        run_part = run_archive(command.argv, guest_environment(environ), cwd, writable)
        initrd.write_bytes(base_archive(kernel, command.modules).read_bytes() + run_part)
        session = _Session(run, time.monotonic() + command.timeout, on_output)
        started = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours, shared_files(run, writable) as share:
            wiring = Wiring(session.console, share, theirs.fileno())
            argv = command_line(program, machine, wiring, kernel.image, initrd, command.append)
            with theirs, _running(argv, theirs, run) as process:
                theirs.close()
                try:
                    session.talk(ours)
                    session.wait_for_reset(process)
                except GuestFailure as failure:
                    raise _kept(failure, session, cache, kernel) from None
        found = find_failure(session.text)
        if found:
            raise _kept(found.kind(found.line), session, cache, kernel)
        status = session.status()
        seconds = time.monotonic() - started
        return GuestResult(
            status, bytes(session.stdout), bytes(session.stderr), session.text, seconds
        )


class _Session:
    """The conversation with one guest's init (its frames are described in init.c)."""

    def __init__(
        self, run: Path, deadline: float, on_output: Callable[[int, bytes], None] | None
    ) -> None:
        self.run = run
        self.console = run / "console.log"
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._deadline = deadline
        self._on_output = on_output
        self._pending = bytearray()
        self._end: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """The console so far."""
        if not self.console.is_file():
            return ""
        return self.console.read_bytes().decode("utf-8", "replace").replace("\r", "")

    def talk(self, port: socket.socket) -> None:
        """Take frames until the last one and answer it. Raises GuestHung or a lost guest's own
        reason."""
        with selectors.DefaultSelector() as selector:
            selector.register(port, selectors.EVENT_READ)
            while self._end is None:
                left = self._deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise self._failure(GuestHung, "no result in time")
                data = port.recv(CHUNK)
                if not data:
                    raise self._failure(GuestLost, self._last_words())
                self._pending += data
                for kind, body in self._frames():
                    self._take(kind, body)
        port.sendall(b"\n")

    def wait_for_reset(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the guest is gone. Raises GuestHung."""
        try:
            process.wait(RESET_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._failure(GuestHung, "the command ended, but the guest does not") from None

    def status(self) -> int:
        """The command's exit status. Raises VmError when it could not be run."""
        kind, text = self._end or ("!", "no result")
        if kind == "!":
            raise VmError(f"the guest could not be set up: {text}", file=str(self.console))
        how, _, number = text.partition(" ")
        return int(number) + (128 if how == "signal" else 0)

    def _frames(self) -> Iterator[tuple[str, bytes]]:
        while len(self._pending) >= 5:
            size = int.from_bytes(self._pending[1:5], "little")
            if len(self._pending) < 5 + size:
                return
            yield chr(self._pending[0]), bytes(self._pending[5 : 5 + size])
            del self._pending[: 5 + size]

    def _take(self, kind: str, body: bytes) -> None:
        if kind in "oe":
            number = 1 if kind == "o" else 2
            (self.stdout if number == 1 else self.stderr).extend(body)
            if self._on_output:
                self._on_output(number, body)
        else:
            self._end = (kind, body.decode(errors="replace"))

    def _failure(self, kind: type[GuestFailure], detail: str) -> GuestFailure:
        found = find_failure(self.text)
        return found.kind(found.line) if found else kind(detail)

    def _last_words(self) -> str:
        qemu = (self.run / "qemu.log").read_text(encoding="utf-8", errors="replace")
        return (qemu + complaints(self.run)).strip() or "QEMU ended without a result"


def _kept(failure: GuestFailure, session: _Session, cache: Path, kernel: Kernel) -> GuestFailure:
    """The same failure with the console and the output, and with the log in a file that stays."""
    folder = cache / "console"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    log = folder / f"{stamp}-{os.getpid()}-{kernel.series}.log"
    log.write_text(session.text, encoding="utf-8")
    for old in sorted(folder.glob("*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return type(failure)(
        failure.detail,
        console=session.text,
        log=log,
        stdout=bytes(session.stdout),
        stderr=bytes(session.stderr),
    )


@contextmanager
def _running(
    argv: Sequence[str], port: socket.socket, run: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """QEMU while the block runs; it ends with it, and with this process in any case."""
    with open(run / "qemu.log", "wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[port.fileno()],
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
