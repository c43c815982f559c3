# SPDX-License-Identifier: GPL-2.0-only
"""Servers out of Debian's sources that LakePlacid was not made for: how each is built, started and
loaded, and which function of it a person would call a request."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loads import Load, dns_load, http_load, ntp_load, redis_load

from lp_build.errors import LakePlacidError
from lp_build.trials.upstream import Source

START = 30.0  # seconds that a server may take to answer its first request, and to end


@dataclass(frozen=True)
class Trial:
    """One server.

    kind: what is special about it. configure, make: commands of its build, run in its sources; the
    first runs with CC=lp-cc, the second below lp-wrap. clean: what removes the objects. program:
    where the build leaves it. files: what it reads, by name, with {port} and {folder} to fill in.
    command: how it is started, with the same. load: what clients do. requests: the functions of
    which a person would choose one; loops likewise. group: the one that it has once it has closed
    all files and given up root, if it does; `lp load --group` lets it into the kernel.
    """

    name: str
    source: Source
    kind: str
    configure: Sequence[str]
    make: Sequence[str]
    clean: Sequence[str]
    program: str
    files: Mapping[str, str]
    command: Sequence[str]
    load: Callable[[int, int], Load]
    requests: Sequence[str]
    loops: Sequence[str]
    group: str = ""


TRIALS = (
    Trial(
        name="mini-httpd",
        source=Source("mini-httpd", "1.30"),
        kind="forks for each connection; its handlers end in exit()",
        configure=(),
        make=("make", "mini_httpd", "CFLAGS=-O2 -DHAVE_INT64T"),
        clean=("make", "clean"),
        program="mini_httpd",
        files={"index.html": "hello\n" * 40},
        command=("{program}", "-D", "-p", "{port}", "-d", "{folder}", "-h", "127.0.0.1"),
        load=lambda port, count: http_load(port, count, keep_alive=False),
        requests=("handle_request",),
        loops=(),
    ),
    Trial(
        name="chrony",
        source=Source("chrony", "4.3"),
        kind="waits by select",
        configure=(
            *("./configure", "--disable-readline", "--without-nettle", "--without-gnutls"),
            *("--without-nss", "--without-tomcrypt"),
        ),
        make=("make", "chronyd"),
        clean=("make", "clean"),
        program="chronyd",
        files={
            "chrony.conf": "port {port}\nallow 127.0.0.1\nlocal stratum 8\ncmdport 0\n"
            "bindaddress 127.0.0.1\nbindcmdaddress /\npidfile {folder}/pid\n"
        },
        command=("{program}", "-d", "-x", "-u", "root", "-f", "{folder}/chrony.conf"),
        load=ntp_load,
        requests=(
            *("read_from_socket", "process_message", "NSR_ProcessRx", "NCR_ProcessRxUnknown"),
        ),
        loops=("SCH_MainLoop",),
    ),
    Trial(
        name="lighttpd",
        source=Source("lighttpd", "1.4.69"),
        kind="plugins, loaded at run time",
        configure=("./configure", "--without-pcre2", "--without-zlib", "--without-bzip2"),
        make=("make",),
        clean=("make", "clean"),
        program="src/lighttpd",
        files={
            "index.html": "hello\n" * 40,
            "lighttpd.conf": 'server.document-root = "{folder}"\nserver.port = {port}\n'
            'server.bind = "127.0.0.1"\nindex-file.names = ("index.html")\n'
            'mimetype.assign = (".html" => "text/html")\n',
        },
        command=("{program}", "-D", "-f", "{folder}/lighttpd.conf", "-m", "{build}/src/.libs"),
        load=lambda port, count: http_load(port, count, keep_alive=True),
        requests=(
            *("connection_state_machine", "connection_state_machine_loop", "h1_recv_headers"),
            *("connection_handle_fdevent", "http_response_handler", "connection_state_machine_h1"),
        ),
        loops=("server_main_loop", "server_run_con_queue"),
    ),
    Trial(
        name="unbound",
        source=Source("unbound", "1.17.1"),
        kind="threads, each over a libevent loop",
        configure=("./configure", "--with-libevent", "--with-pthreads", "--disable-flto"),
        make=("make", "unbound"),
        clean=("make", "clean"),
        program="unbound",
        files={
            "unbound.conf": "server:\n  num-threads: 2\n  interface: 127.0.0.1@{port}\n"
            '  do-daemonize: no\n  chroot: ""\n  username: ""\n  use-syslog: no\n'
            "  pidfile: {folder}/pid\n  do-ip6: no\n  directory: {folder}\n"
            '  local-zone: "example." static\n'
            + "".join(f'  local-data: "host{n}.example. A 192.0.2.{n}"\n' for n in range(1, 100))
        },
        command=("{program}", "-d", "-c", "{folder}/unbound.conf"),
        load=dns_load,
        requests=("worker_handle_request", "comm_point_udp_callback"),
        loops=(),
    ),
    Trial(
        name="dnsmasq",
        source=Source("dnsmasq", "2.90"),
        kind="UDP over poll, gives up root",
        configure=(),
        make=("make",),
        clean=("make", "clean"),
        program="src/dnsmasq",
        files={"hosts": "".join(f"192.0.2.{n} host{n}.example\n" for n in range(1, 100))},
        command=(
            *("{program}", "-k", "-p", "{port}", "-a", "127.0.0.1", "-z", "-C", "/dev/null"),
            *("-h", "-R", "-n", "-H", "{folder}/hosts", "-x", "{folder}/pid", "-8", "-"),
            *("-g", "nogroup"),
        ),
        load=dns_load,
        requests=("receive_query", "answer_request"),
        loops=("main",),
        group="nogroup",
    ),
    Trial(
        name="redis",
        source=Source("redis", "7.0.15"),
        kind="one thread over its own event loop",
        configure=(),
        make=("make", "-C", "src", "redis-server", "MALLOC=libc"),
        clean=("make", "-C", "src", "distclean"),
        program="src/redis-server",
        files={},
        command=(
            *("{program}", "--port", "{port}", "--bind", "127.0.0.1", "--save", ""),
            *("--dir", "{folder}"),
        ),
        load=redis_load,
        requests=(
            *("processCommand", "processInputBuffer", "readQueryFromClient"),
            "connSocketEventHandler",
        ),
        loops=("aeMain",),
    ),
    Trial(
        name="nginx",
        source=Source("nginx", "1.22.1"),
        kind="a master and a worker that gives up root",
        configure=(
            *("./configure", "--without-http_rewrite_module", "--without-http_gzip_module"),
        ),
        make=("make",),
        # `make clean` takes its configuration away too.
        clean=("find", "objs", "-name", "*.o", "-delete"),
        program="objs/nginx",
        files={
            "index.html": "hello\n" * 40,
            "nginx.conf": "pid pid;\nevents {{ }}\nhttp {{\n  access_log access.log;\n"
            "  sendfile on;\n  types {{ text/html html; }}\n"
            "  server {{ listen 127.0.0.1:{port}; root {folder}; }}\n}}\n",
        },
        command=(
            *("{program}", "-p", "{folder}", "-e", "stderr", "-c", "nginx.conf"),
            *("-g", "daemon off;"),
        ),
        load=lambda port, count: http_load(port, count, keep_alive=True),
        requests=(
            *("ngx_http_process_request_line", "ngx_http_wait_request_handler"),
            "ngx_http_keepalive_handler",
        ),
        loops=("ngx_worker_process_cycle", "ngx_process_events_and_timers"),
    ),
)


@dataclass(frozen=True)
class Running:
    """A server that answers, on 127.0.0.1."""

    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A port that neither TCP nor UDP has in use."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port = int(stream.getsockname()[1])
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def serve(trial: Trial, build: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """Run it out of folder `build` until the caller is done; at the end SIGTERM ends it.

    Raises LakePlacidError when it does not answer within START seconds, or does not end.
    """
    with tempfile.TemporaryDirectory(prefix=f"{trial.name}-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # it may give up root
        values = {
            "port": free_port(),
            "folder": folder,
            "build": build,
            "program": build / trial.program,
        }
        for file, text in trial.files.items():
            (folder / file).write_text(text.format_map(values), encoding="utf-8")
        command = [word.format_map(values) for word in trial.command]
        with (
            open(folder / "output", "wb") as output,
            subprocess.Popen(
                command,
                cwd=build,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                _wait(trial, values["port"], process, folder / "output")
                yield Running(values["port"], process)
                process.terminate()
                process.wait(START)
            except subprocess.TimeoutExpired:
                raise _failure(trial, "did not end", folder / "output") from None
            finally:
                process.kill()  # a no-op after it has ended


def _wait(trial: Trial, port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Ask until it answers: servers say in many ways that they are up, and this they all do."""
    end = time.monotonic() + START
    while True:
        try:
            trial.load(port, 1)
            return
        except (OSError, LakePlacidError) as error:
            if process.poll() is not None:
                raise _failure(trial, "ended at its start", output) from error
            if time.monotonic() > end:
                raise _failure(trial, "does not answer", output) from error
            time.sleep(0.05)


def _failure(trial: Trial, what: str, output: Path) -> LakePlacidError:
    said = output.read_text(errors="replace").strip().splitlines()[-5:]
    return LakePlacidError(
        "\n  ".join([f"{trial.name} {what}", *said]), remedy="start it by hand to see more"
    )
