"""A server within lp-wrap that runs `lp cc` and `lp tool`: it has imported everything, and forks
for each command, so that a compile costs no start of Python (a tenth of a second).

client.c says how commands come in. A command runs with the client's standard streams, current
folder, environment and umask, in a process group of its own; the client passes signals on.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lp_build.layout import BuildDir
from lp_build.wrapper.environment import without_shims
from lp_build.wrapper.files import digest_of, locked
from lp_build.wrapper.process import run_quietly

_REQUEST = struct.Struct("=4I")
_STATUS = struct.Struct("=i")
_DESCRIPTORS = 4
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_MODULES = {
    "": ("lp_build.cli", "lp_build.wrapper.cc", "lp_build.wrapper.link", "lp_build.wrapper.tools"),
    "scout": ("lp_build.wrapper.treat", "lp_build.source.scout"),
    "specialize": (
        *("lp_build.wrapper.treat", "lp_build.source.specialize"),
        *("lp_build.projection.project", "lp_build.profile.manifest", "elftools.elf.elffile"),
    ),
    "capture": (),
}


@dataclass(frozen=True)
class _Command:
    """What a client asks for. streams: its standard streams; folder: its current one."""

    arguments: list[str]
    variables: dict[bytes, bytes]
    umask: int
    streams: Sequence[int]
    folder: int


class Server:
    """A running server: what the build's environment has to name, and its end."""

    def __init__(self, client: Path, phase: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="lp-")
        address = f"{self._folder}/server"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen(128)
        self.variables = {"LP_SERVER": address, "LP_CLIENT": str(client)}
        # The server ends when this, which nobody else has, is closed: however we end.
        until, self._open = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            status = 1
            try:
                os.close(self._open)
                _load(phase)
                _Loop(listener, until).run()
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(until)
        listener.close()

    def stop(self) -> None:
        """End it; commands that still run (of a build that left some behind) end first."""
        os.close(self._open)
        os.waitpid(self._process, 0)
        shutil.rmtree(self._folder, ignore_errors=True)


def make_client(build: BuildDir) -> Path | None:
    """The client, compiled once; None where that fails: then each command starts Python."""
    source = Path(__file__).with_name("client.c")
    target = build.path / "bin" / f"lp-client-{digest_of(source.read_bytes())[:16]}"
    path = without_shims(os.environ)
    compiler = shutil.which("cc", path=path) or shutil.which("gcc", path=path)
    if target.exists() or compiler is None:
        return target if target.exists() else None
    with locked(build.path / "bin" / "lock"):
        fresh = target.with_suffix(".new")
        done = run_quietly([compiler, "-O2", str(source), "-o", str(fresh)])
        if done.status != 0:
            return None
        fresh.replace(target)
    return target


def _load(phase: str) -> None:
    for name in (*_MODULES[""], *_MODULES[phase]):
        importlib.import_module(name)
    if phase != "capture":
        from clang import cindex

        cindex.Config().lib  # noqa: B018 - loads the library
    gc.collect()
    gc.freeze()


class _Loop:
    """Accepts commands, starts a process for each, passes signals on to it, and tells its end."""

    def __init__(self, listener: socket.socket, until: int) -> None:
        self._listener = listener
        self._until = until
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, socket.socket] = {}  # by process

    def run(self) -> None:
        """Until lp-wrap has ended, and all commands."""
        # The terminal's signals reach clients too, and they pass them on.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._until, selectors.EVENT_READ, self._close)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                key.data()

    def _close(self) -> None:
        self._selector.unregister(self._until)
        self._selector.unregister(self._listener)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            command = _receive(client)
        except (OSError, EOFError):
            client.close()
            return
        process = os.fork()
        if process == 0:
            _run(command)
        with suppress(OSError):  # both try: whoever comes second is late
            os.setpgid(process, process)
        for descriptor in (*command.streams, command.folder):
            os.close(descriptor)
        end = os.pidfd_open(process)
        self._clients[process] = client
        self._selector.register(
            client, selectors.EVENT_READ, lambda: self._signal(process, client)
        )
        self._selector.register(end, selectors.EVENT_READ, lambda: self._ended(process, end))

    def _signal(self, process: int, client: socket.socket) -> None:
        """The client got signals; or it was killed, and its command goes with it."""
        try:
            numbers = client.recv(64)
        except OSError:
            numbers = b""
        if not numbers:
            self._selector.unregister(client)
        for number in numbers or [signal.SIGTERM]:
            with suppress(ProcessLookupError):
                os.killpg(process, number)

    def _ended(self, process: int, end: int) -> None:
        self._selector.unregister(end)
        os.close(end)
        _, status = os.waitpid(process, 0)
        client = self._clients.pop(process)
        if client in self._selector.get_map():
            self._selector.unregister(client)
        with suppress(OSError):  # it may be gone
            client.sendall(_STATUS.pack(os.waitstatus_to_exitcode(status)))
        client.close()


def _receive(client: socket.socket) -> _Command:
    """Read a request. Raises EOFError or OSError for a client that is gone."""
    header, descriptors, _, _ = socket.recv_fds(client, _REQUEST.size, _DESCRIPTORS)
    if len(header) != _REQUEST.size or len(descriptors) != _DESCRIPTORS:
        raise EOFError
    arguments, variables, umask, size = _REQUEST.unpack(header)
    data = bytearray()
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    strings = bytes(data).split(b"\0")
    environment = [s.partition(b"=") for s in strings[arguments : arguments + variables]]
    return _Command(
        [os.fsdecode(s) for s in strings[1:arguments]],
        {name: value for name, _, value in environment},
        umask,
        descriptors[:3],
        descriptors[3],
    )


def _run(command: _Command) -> None:
    """In the command's own process: become it, and end with its status."""
    status = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for target, descriptor in enumerate(command.streams):
            os.dup2(descriptor, target)
        os.fchdir(command.folder)
        os.closerange(3, 1024)
        os.umask(command.umask)
        os.environb.clear()
        os.environb.update(command.variables)
        from lp_build.cli import main

        status = main(command.arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)
