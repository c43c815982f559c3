# SPDX-License-Identifier: GPL-2.0-only
"""A server within lp-wrap that runs `lp cc` and `lp tool`: it has imported everything, and forks
for each command, so that a compile costs no start of Python (a tenth of a second).

client.c says how commands come in. A command runs with the client's standard streams, current
folder, environment, umask and limits, in a process group of its own; the client passes signals on.
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
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

from lp_build.compile.environment import Session, without_shims
from lp_build.compile.shelf import Shelf, identity_of
from lp_build.errors import LakePlacidError, reported
from lp_build.files import digest_of, locked
from lp_build.layout import BuildDir
from lp_build.processes import run_quietly

_LIMITS = 16  # RLIM_NLIMITS
_REQUEST = struct.Struct(f"=4IiI{2 * _LIMITS}Q")
_STATUS = struct.Struct("=i")
_INFINITY = (1 << 64) - 1
_DECLINED = -(1 << 31)
_DESCRIPTORS = 4
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_MODULES = {
    "": ("lp_build.wrapper.cc", "lp_build.compile.link_sources", "lp_build.compile.tools"),
    "survey": ("lp_build.compile.scout", "lp_build.source.survey"),
    "scout": ("lp_build.compile.scout", "lp_build.source.scout"),
    "specialize": (
        *("lp_build.compile.specialize", "lp_build.source.specialize"),
        *("lp_build.projection.project", "lp_build.manifest.manifest", "elftools.elf.elffile"),
    ),
    "capture": (),
}


@dataclass(frozen=True)
class _Command:
    """What a client asks for. limits: soft and hard, by resource. streams: its standard streams;
    folder: its current one."""

    arguments: list[str]
    variables: dict[bytes, bytes]
    umask: int
    nice: int
    limits: Sequence[tuple[int, int]]
    streams: Sequence[int]
    folder: int


class Server:
    """A running server: what the build's environment has to name, and its end."""

    def __init__(self, client: Path, session: Session) -> None:
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
                _keep_standard_streams()
                _load(session)
                _Loop(listener, until).run()
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)
                os._exit(status)
        os.close(until)
        listener.close()

    def stop(self) -> None:
        """End it; commands that still run (of a build that left some behind) end first."""
        os.close(self._open)
        os.waitpid(self._process, 0)


def make_client(build: BuildDir) -> Path | None:
    """The client, compiled once for all projects; None where that fails: then each command starts
    Python."""
    source = Path(__file__).with_name("client.c")
    digest = digest_of(source.read_bytes())
    target = build.path / "bin" / f"lp-client-{digest[:16]}"
    path = without_shims(os.environ)
    compiler = shutil.which("cc", path=path) or shutil.which("gcc", path=path)
    if target.exists() or compiler is None:
        return target if target.exists() else None
    with locked(build.path / "bin" / "lock"):
        shelf = Shelf.of_user(os.environ)
        key = digest_of(f"{digest} {identity_of(compiler)}".encode())
        if shelf.take(key, target):
            return target
        fresh = target.with_suffix(".new")
        done = run_quietly([compiler, "-O2", str(source), "-o", str(fresh)])
        if done.status != 0:
            return None
        shelf.keep(key, fresh)
        fresh.replace(target)
    return target


def _keep_standard_streams() -> None:
    """Let no client's descriptor take the number of a standard stream that lp-wrap was started
    without."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


def _load(session: Session) -> None:
    for name in (*_MODULES[""], *_MODULES[session.phase]):
        importlib.import_module(name)
    if session.phase == "specialize":
        from lp_build.compile.specialize import current_manifest

        with suppress(LakePlacidError):  # each unit will say so
            current_manifest(session.build)
    if session.phase != "capture":
        from clang import cindex

        cindex.Config().lib  # noqa: B018 - loads the library
    gc.collect()
    gc.freeze()


class _Reception:
    """A request on its way: it may come in pieces, and others must not wait for it."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self._header = b""
        self._data = bytearray()
        self._descriptors: list[int] = []

    def read(self) -> _Command | None:
        """Read what is there; the command when it is whole. Raises EOFError or OSError for a client
        that is gone, BlockingIOError where nothing is there."""
        missing = _REQUEST.size - len(self._header)
        if missing:
            part, descriptors, _, _ = socket.recv_fds(self.client, missing, _DESCRIPTORS)
            self._descriptors += descriptors
            self._header += part
        else:
            part = self.client.recv(self._size() - len(self._data))
            self._data += part
        if not part:
            raise EOFError
        whole = len(self._header) == _REQUEST.size and len(self._data) == self._size()
        return self._command() if whole else None

    def _size(self) -> int:
        return int(_REQUEST.unpack(self._header)[3])

    def _command(self) -> _Command:
        if len(self._descriptors) != _DESCRIPTORS:
            raise EOFError
        arguments, variables, umask, _, nice, _, *limits = _REQUEST.unpack(self._header)
        strings = bytes(self._data).split(b"\0")
        environment = [s.partition(b"=") for s in strings[arguments : arguments + variables]]
        return _Command(
            arguments=[os.fsdecode(s) for s in strings[1:arguments]],
            variables={name: value for name, _, value in environment if name},
            umask=umask,
            nice=nice,
            limits=list(zip(limits[::2], limits[1::2], strict=True)),
            streams=self._descriptors[:3],
            folder=self._descriptors[3],
        )

    def close_descriptors(self) -> None:
        """Those of the client: the command has them now."""
        for descriptor in self._descriptors:
            os.close(descriptor)


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
        # Two descriptors a command; the command itself gets its client's limits.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._until, selectors.EVENT_READ, self._close)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                # What came before it in this round may have taken it out.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()

    def _close(self) -> None:
        self._selector.unregister(self._until)
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:  # it has gone already
            return
        client.setblocking(False)
        reception = _Reception(client)
        self._selector.register(client, selectors.EVENT_READ, lambda: self._receive(reception))

    def _receive(self, reception: _Reception) -> None:
        try:
            command = reception.read()
        except BlockingIOError:
            return
        except (OSError, EOFError):
            command = None
        else:
            if command is None:
                return
        self._selector.unregister(reception.client)
        process = self._start(command) if command else None
        reception.close_descriptors()
        if process is None:
            with suppress(OSError):  # it may be gone
                reception.client.sendall(_STATUS.pack(_DECLINED))
            reception.client.close()
        else:
            self._watch(process, reception.client)

    def _start(self, command: _Command) -> int | None:
        """A process for the command; None where there can't be one more."""
        try:
            process = os.fork()
        except OSError:
            return None
        if process == 0:
            _run(command)
        with suppress(OSError):  # both try: whoever comes second is late
            os.setpgid(process, process)
        return process

    def _watch(self, process: int, client: socket.socket) -> None:
        end = os.pidfd_open(process)
        self._clients[process] = client
        self._selector.register(client, selectors.EVENT_READ, lambda: self._signal(process, client))
        self._selector.register(end, selectors.EVENT_READ, lambda: self._ended(process, end))

    def _signal(self, process: int, client: socket.socket) -> None:
        """The client got signals; or it was killed, and its command goes with it."""
        try:
            numbers = client.recv(64)
        except BlockingIOError:
            return
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


def _take_limits(command: _Command) -> None:
    """The client's limits and niceness; those that only root may have again stay as they are."""
    for number, limits in enumerate(command.limits):
        soft, hard = (-1 if limit == _INFINITY else limit for limit in limits)
        if resource.getrlimit(number) != (soft, hard):
            with suppress(ValueError, OSError):
                resource.setrlimit(number, (soft, hard))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, command.nice)


def _main(arguments: list[str]) -> int:
    """`lp cc` or `lp tool`: nothing else is asked of a server."""
    from lp_build.compile import tools
    from lp_build.wrapper import cc

    name, *words = arguments
    return {"cc": cc.main, "tool": tools.main}[name](words)


def _run(command: _Command) -> None:
    """In the command's own process: become it, and end with its status."""
    status = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # In a process group of its own it may still write to the terminal (stty tostop).
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        for target, descriptor in enumerate(command.streams):
            os.dup2(descriptor, target)
        os.fchdir(command.folder)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.umask(command.umask)
        _take_limits(command)
        os.environb.clear()
        os.environb.update(command.variables)
        status = reported(lambda: _main(command.arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)
