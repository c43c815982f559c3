# SPDX-License-Identifier: GPL-2.0-only
"""nginx at work: a site on disk, the master process, and its signals."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.serving import ask_until, end, end_well, failure, free_port, listens, wait_until

TIMEOUT = 60.0  # seconds, for whatever nginx is to do
START_ATTEMPTS = 5  # a port that was free may be taken by the time nginx binds it
PAST = 1_600_000_000  # the time of all files, since ETag and Last-Modified tell it

FILES: Mapping[str, int] = {
    "index.html": 612,
    "small.txt": 100,
    "page.html": 12_000,
    "medium.bin": 30_000,
    "big.bin": 3_000_000,
    "empty.txt": 0,
}
TEXTS: Mapping[str, bytes] = {
    "404.html": b"<p>not here</p>\n",
    "koi8.txt": b"\xf0\xd2\xc9\xd7\xc5\xd4 " * 20 + b"\n",
    "list/a.txt": b"a\n",
    "list/b with blank.txt": b"b\n",
    "list/deeper/c.txt": b"c\n",
    "dir/index.html": b"<p>a folder</p>\n",
    "ssi/all.shtml": b'<!--#set var="v" value="1" --><!--#if expr="$v = 1" -->one<!--#else -->other'
    b'<!--#endif --> <!--#echo var="arg_x" default="none" --> '
    b'<!--#include virtual="/small.txt" --><!--#include file="part.html" -->\n',
    "ssi/part.html": b"a part\n",
}


def content(name: str) -> bytes:
    """What a file of the site holds."""
    if name in TEXTS:
        return TEXTS[name]
    return bytes(random.Random(name).choices(b"abcdefghij \n", k=FILES[name]))


@dataclass(frozen=True)
class Site:
    """The folder that nginx is started in (its prefix), with a fixed configuration."""

    root: Path

    @property
    def access_log(self) -> Path:
        """The access log."""
        return self.root / "logs" / "access.log"

    @property
    def error_log(self) -> Path:
        """The error log."""
        return self.root / "logs" / "error.log"

    @property
    def pid_file(self) -> Path:
        """Where the master writes its number."""
        return self.root / "logs" / "nginx.pid"

    @property
    def statistics(self) -> Path:
        """A folder that each of nginx's users can write to."""
        return self.root / "stats"

    def configure(self, port: int, version: str = "one") -> None:
        """Write nginx.conf."""
        text = Path(__file__).with_name("nginx.conf").read_text(encoding="utf-8")
        text = text.replace("@PORT@", str(port)).replace("@VERSION@", version)
        (self.root / "nginx.conf").write_text(text, encoding="utf-8")


@contextmanager
def new_site() -> Iterator[Site]:
    """A fresh site, in a folder that others can reach: nginx's workers are not root."""
    root = Path(tempfile.mkdtemp(prefix="lp-nginx-"))
    try:
        root.chmod(0o755)
        for name in ("logs", "temp", "html"):
            (root / name).mkdir()
        for name in ("stats", "traces"):
            (root / name).mkdir()
            (root / name).chmod(0o777)
        for name in [*FILES, *TEXTS]:
            path = root / "html" / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(content(name))
        (root / "passwords").write_text("user:{PLAIN}secret\n")
        for path in [root / "html", *(root / "html").rglob("*")]:
            os.utime(path, (PAST, PAST))
        yield Site(root)
    finally:
        shutil.rmtree(root)


@dataclass(frozen=True)
class Server:
    """A running nginx: its master process and its port on 127.0.0.1."""

    site: Site
    command: tuple[str, ...]  # without `-g`
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    port: int
    name: str = "main.test"  # of the virtual server that requests are for

    @property
    def host(self) -> str:
        """The header field that says so."""
        return f"Host: {self.name}\r\n"

    def workers(self) -> list[int]:
        """The numbers of the worker processes; not those of the cache's."""
        return workers_of(self.process.pid)

    def worker(self) -> int:
        """The number of the one worker, waited for: the master listens before it starts one."""
        wait_until("worker", lambda: len(self.workers()) == 1)
        return self.workers()[0]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        self.process.send_signal(number)


def workers_of(master: int) -> list[int]:
    """The numbers of a master's worker processes."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(number) for number in children.split() if _is_worker(number)]


def _is_worker(number: str) -> bool:
    try:
        return b"worker process" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:  # it has ended since
        return False


@contextmanager
def serve(
    program: Path, site: Site, environment: Mapping[str, str], prefix: Sequence[str] = ()
) -> Iterator[Server]:
    """Run nginx on a free port; at the end SIGQUIT ends it, unless it has ended.

    prefix: words before the command, e.g. valgrind. Raises LakePlacidError when it does not come
    up, or does not end with exit status 0.
    """
    command = (*prefix, str(program.absolute()), "-p", str(site.root), "-c", "nginx.conf")
    for attempt in range(START_ATTEMPTS):
        port = free_port()
        site.configure(port)
        process = subprocess.Popen(
            [*command, "-g", "daemon off;"],
            cwd=site.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if not ask_until(process, partial(listens, port, TIMEOUT), TIMEOUT):
                said = site.error_log.read_text(errors="replace") if site.error_log.exists() else ""
                if "Address already in use" in said and attempt + 1 < START_ATTEMPTS:
                    continue
                raise _failure(program, f"did not start: status {process.returncode}", site)
            yield Server(site, command, environment, process, port)
            wrong = partial(_failure, program, site=site)
            end_well(process, TIMEOUT, wrong, signal.SIGQUIT)
            return
        finally:
            if process.poll() is None:
                end(process, TIMEOUT)  # so that it takes its workers with it
                process.kill()
                process.wait()


def _failure(program: Path, what: str, site: Site) -> LakePlacidError:
    log = site.error_log
    return failure(
        f"nginx {what}",
        log.read_text(errors="replace") if log.exists() else "",
        program=program,
        remedy="run it by hand, with `-t` for what it thinks of its configuration",
    )
