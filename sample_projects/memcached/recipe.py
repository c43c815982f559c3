# SPDX-License-Identifier: GPL-2.0-only
"""memcached 1.6.18 with libevent 2.1.12 in one source tree: fetch, build, scout, specialise, run.

`python recipe.py --help` lists the steps. Everything lies below one folder (`.cache/memcached`
unless `--dir` names another): `libevent/` and `memcached/`, configured and built by the commands
that README.md shows, and `stage/`, two symbolic links that show libevent to memcached's configure.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from load import GET_ONLY, KEYS, Mix, check_binary, run_load
from rich.console import Console
from rich.table import Table
from suite import FileResult, bench_folder, differences, run_suite, suite_files

from lp_build.cache import cache_folder, work_folder
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import find_headers
from lp_build.kernels.versions import DEFAULT, SERIES
from lp_build.statistics import Run, read_run, totals_of
from lp_build.steps import run_step, tool
from lp_build.trials.compatibility import Findings, Variant, write_findings
from lp_build.trials.upstream import Source, copy_tree, fetch
from lp_build.trials.variants import GuestPlan, GuestTests, KeptTests, make_plan, run_plan

MEMCACHED = Source(
    "memcached", "1.6.18", "35872bd25f8d29d7cc2072d23e74344530891bfd0aa4f4f64184a8ae7291164b"
)
LIBEVENT = Source(
    "libevent", "2.1.12-stable", "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb"
)
LIBEVENT_OPTIONS = (
    "--disable-shared",
    "--enable-static",
    "--disable-openssl",
    "--disable-samples",
    "--disable-libevent-regress",
)

# What the test suite runs. `make` alone builds each source twice, with other macros, for
# `memcached` and `memcached-debug`: two programs, so two manifests, so two trees. Objects with
# coverage counters, which memcached-debug has by default, LakePlacid leaves as they are.
SUITE_TARGETS = ("memcached-debug", "timedrun")
SUITE_OPTIONS = ("--disable-coverage",)
SUITE_PROGRAM = SUITE_TARGETS[0]
# What an emulated machine does in minutes, for each variant.
GUEST_FILES = (
    "getset", "incrdecr", "flags", "cas", "stats", "binary-get", "touch", "noreply", "issue_42",
    "line-lengths",
)  # fmt: skip
GUEST_TIMEOUT = 24 * 3600.0  # seconds
GUEST_MEMORY = 3072  # MiB
WIDE_THRESHOLD = 0.999  # of what the suite's own requests do
WIDTH = 200  # columns of the table

# What scouting sees: GETs of keys that are there or not, by the text protocol, and of all else so
# little that the threshold of lp.toml leaves it out.
SCOUTING_MIX = Mix(
    hit=0.96,
    miss=0.03,
    multi=0.005,
    cas=0,
    meta=0,
    set=0.001,
    delete=0,
    incr=0,
    touch=0,
    stats=0,
    broken=0,
)
SCOUTING_REQUESTS = 50000
SCOUTING_KEYS = 25  # of each connection, which begins with a SET for each of its keys
GET_SHARE = 0.99  # of a GET-only load, what must finish in Elite
# A GET passes some hundred places where a deopt can be forced.
FORCED = ("all", "random:1:0.01", "random:2:0.01", "random:3:0.01")
# In the kernel Elite begins at the loop, and a request comes some dozen sites later.
FORCED_WIDE = ("random:1:0.002",)


@dataclass(frozen=True)
class Tree:
    """One source tree; root has lp.toml and, once wrapped, `.lp/`."""

    root: Path

    @property
    def libevent(self) -> Path:
        """libevent's sources."""
        return self.root / "libevent"

    @property
    def memcached(self) -> Path:
        """memcached's sources, where its programs are built."""
        return self.root / "memcached"

    @property
    def stage(self) -> Path:
        """libevent as memcached's configure looks for it, with `include` and `lib`."""
        return self.root / "stage"


def prepare(root: Path, cache: Path) -> Tree:
    """Lay out a fresh tree at `root`, in place of what was there; sources come from the cache."""
    memcached, libevent = fetch(MEMCACHED, cache), fetch(LIBEVENT, cache)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    tree = Tree(root)
    copy_tree(memcached, tree.memcached)
    copy_tree(libevent, tree.libevent)
    tree.stage.mkdir()
    (tree.stage / "include").symlink_to("../libevent/include")
    (tree.stage / "lib").symlink_to("../libevent/.libs")
    shutil.copy(Path(__file__).with_name("lp.toml"), root / "lp.toml")
    return tree


@dataclass(frozen=True)
class Builder:
    """How to build: `cc` for configure, and `wrap`, the words before `make`."""

    cc: str
    wrap: tuple[str, ...] = ()
    jobs: int = 2

    def run(self, command: Sequence[str | Path], cwd: Path) -> str:
        """Run one step of the build."""
        return run_step(command, cwd, clean_environment())

    def configure(self, tree: Tree, options: Sequence[str] = ()) -> None:
        """`CC=… ./configure` of both; options: for memcached's. That links programs with libevent,
        and needs a plain one, so that is built for it, and thrown away."""
        cc = f"CC={self.cc}"
        self.run(["env", cc, "./configure", *LIBEVENT_OPTIONS], tree.libevent)
        self.run(["make", f"-j{self.jobs}"], tree.libevent)
        stage = f"--with-libevent={tree.stage}"
        self.run(["env", cc, "./configure", stage, *options], tree.memcached)
        self.run(["make", "clean"], tree.libevent)

    def make_libevent(self, tree: Tree) -> None:
        """Build libevent."""
        self.run([*self.wrap, "make", f"-j{self.jobs}"], tree.libevent)

    def make_memcached(self, tree: Tree, targets: Sequence[str] = ()) -> None:
        """Build memcached; targets: none means `make`'s default, all of it."""
        self.run([*self.wrap, "make", f"-j{self.jobs}", *targets], tree.memcached)

    def build(self, tree: Tree, targets: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        """All of it."""
        self.configure(tree, options)
        self.make_libevent(tree)
        self.make_memcached(tree, targets)


def plain_builder(jobs: int = 2) -> Builder:
    """Build as if LakePlacid did not exist."""
    return Builder(os.environ.get("LP_CC", "cc"), jobs=jobs)


def clean_environment(**settings: str) -> dict[str, str]:
    """Our environment without LakePlacid's settings, but for the compiler's; `settings` added."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LP_") or k == "LP_CC"}
    return {**kept, **settings}


def wrapped_builder(phase: str, jobs: int = 2) -> Builder:
    """Build as README.md says: `CC=lp-cc ./configure` and `lp-wrap make`."""
    return Builder(tool("lp-cc"), (tool("lp-wrap"), "--phase", phase, "--"), jobs=jobs)


@dataclass(frozen=True)
class Server:
    """A running memcached; port on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def serve(
    program: Path,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    timeout: float = 30.0,
) -> Iterator[Server]:
    """Run memcached on a port of its own choice; at the end SIGTERM ends it.

    timeout: seconds, for the start and for the end. Raises LakePlacidError when it does not
    come up, or does not end with exit status 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        ports = Path(folder) / "ports"
        log = Path(folder) / "log"
        user = ["-u", "root"] if os.geteuid() == 0 else []  # as its own test suite does
        command = [str(program.absolute()), "-l", "127.0.0.1", "-p", "-1", "-U", "0", *user]
        with (
            open(log, "wb") as output,
            subprocess.Popen(
                [*command, *arguments],
                cwd=program.parent,
                env={**environment, "MEMCACHED_PORT_FILENAME": str(ports)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                port = _wait_port(process, ports, log, timeout)
                yield Server(process, port)
                process.send_signal(signal.SIGTERM)
                try:
                    status = process.wait(timeout)
                except subprocess.TimeoutExpired:
                    raise _failure(program, f"did not end within {timeout:g} s", log) from None
                if status != 0:
                    raise _failure(program, f"ended with status {status}", log)
            finally:
                process.kill()  # a no-op after it has ended


def _wait_port(process: subprocess.Popen[bytes], ports: Path, log: Path, timeout: float) -> int:
    """The port that memcached wrote to the file named in MEMCACHED_PORT_FILENAME. It renames the
    file into place when it listens; there is nothing to wait on but the file, so we look."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _failure(ports, f"did not start: status {process.returncode}", log)
        if ports.is_file() and (match := re.search(r"TCP INET: (\d+)", ports.read_text())):
            port = int(match.group(1))
            socket.create_connection(("127.0.0.1", port), timeout).close()
            return port
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    raise _failure(ports, f"did not listen within {timeout:g} s", log)


def _failure(program: Path, what: str, log: Path) -> LakePlacidError:
    said = log.read_text(errors="replace").strip().splitlines()[-8:]
    return LakePlacidError(
        "\n  ".join([f"memcached {what}", *said]),
        file=str(program),
        remedy="run it by hand with `-vv` to see what it says",
    )


def scout(tree: Tree, program: Path, requests: int = SCOUTING_REQUESTS) -> None:
    """Run the scouting server under a GET-heavy load; its traces land below `.lp/`."""
    shutil.rmtree(tree.root / ".lp" / "traces", ignore_errors=True)
    with serve(program, clean_environment()) as server:
        run_load(server.port, requests, mix=SCOUTING_MIX, keys=SCOUTING_KEYS)


def specialize(tree: Tree, *, stress: bool = False) -> Path:
    """`lp manifest` (unless there is one) and `lp build`; return the folder of the programs, which
    is not where the scouting ones are."""
    if not (tree.root / "lp-manifest.toml").exists():
        run_step([tool("lp"), "manifest"], tree.root, clean_environment())
    output = _output(tree, stress)
    arguments = ["--output", str(output), *(["--stress"] if stress else [])]
    run_step([tool("lp"), "build", "--all", *arguments], tree.root, clean_environment())
    return specialized(tree, stress=stress)


def specialized(tree: Tree, *, stress: bool = False) -> Path:
    """The folder of the programs that `specialize` leaves."""
    return _output(tree, stress) / "memcached"


def _output(tree: Tree, stress: bool) -> Path:
    return tree.root / ("stress" if stress else "elite")


@dataclass(frozen=True)
class Measured:
    """One load on the specialised server: requests sent, those begun and finished in Elite (a
    request is a call of drive_machine, so opening and closing connections counts too), and
    deopts by place, most frequent first."""

    sent: int
    begun: int
    finished: int
    deopts: tuple[tuple[str, int], ...]

    @property
    def finished_share(self) -> float:
        """Of those begun in Elite, the share that finished there."""
        return self.finished / self.begun if self.begun else 0.0


def measure(program: Path, mix: Mix, requests: int, keys: int = KEYS, **settings: str) -> Measured:
    """Run the specialised server under a load, every answer verified; in one process, unless the
    settings say otherwise. keys: of each connection."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stats.json"
        environment = clean_environment(
            **{"LP_ELITE": "inprocess", "LP_STATS": str(path), **settings}
        )
        with serve(program, environment) as server:
            load = run_load(server.port, requests, mix=mix, keys=keys, seed=2)
            if mix not in (GET_ONLY, SCOUTING_MIX):  # which have the text protocol alone
                check_binary(server.port)
        return measured(read_run(path), load.sent)


def measure_scouted(program: Path, requests: int, **settings: str) -> Measured:
    """The load that it was scouted with, or a shorter one that has the same share of SETs."""
    keys = max(1, round(SCOUTING_KEYS * requests / SCOUTING_REQUESTS))
    return measure(program, SCOUTING_MIX, requests, keys, **settings)


def measure_gets(program: Path, requests: int, **settings: str) -> Measured:
    """GETs alone: what a load of them adds to one that only opens the connections, stores the keys
    and closes."""
    whole = measure(program, GET_ONLY, requests, **settings)
    before = measure(program, GET_ONLY, 0, **settings)
    count = dict(before.deopts)
    rest = [(place, hits - count.get(place, 0)) for place, hits in whole.deopts]
    return Measured(
        whole.sent - before.sent,
        whole.begun - before.begun,
        whole.finished - before.finished,
        tuple((place, hits) for place, hits in rest if hits > 0),
    )


def measured(run: Run, sent: int) -> Measured:
    """What was counted while `sent` requests were sent."""
    deopts = tuple((f"{deopt.where} {deopt.name}", deopt.hits) for deopt in run.deopts)
    return Measured(sent, run.requests, run.finished, deopts)


class SuiteRuns:
    """Runs the suite with one variant after the other, and keeps what came out."""

    def __init__(self, root: Path, options: argparse.Namespace, show: Console) -> None:
        self.root = root
        self.options = options
        self.show = show
        self.results: dict[str, dict[str, FileResult]] = {}
        self.notes: dict[str, str] = {}
        self.totals: dict[str, tuple[int, int]] = {}

    def run(self, name: str, tree: Tree, programs: Path, **settings: str) -> Path:
        """Run the suite with `programs`' server in an environment with `settings`, where {} stands
        for the variant's folder, which is returned."""
        timedrun = tree.memcached / "timedrun"
        folder = bench_folder(
            self.root / "bench" / name.replace(" ", "-").replace(":", "-"),
            tree.memcached,
            programs / SUITE_PROGRAM,
            timedrun,
        )
        for kept in ("stats", "traces"):
            (folder / kept).mkdir()
        files = self.options.tests or suite_files(tree.memcached)
        self.show.print(f"running {len(files)} test files: {name}", highlight=False)
        began = time.monotonic()
        self.results[name] = run_suite(
            folder,
            files,
            clean_environment(**{k: v.format(folder) for k, v in settings.items()}),
            jobs=self.options.suite_jobs,
            progress=lambda result: self.show.print(f"  {result.name}: {result}", highlight=False),
        )
        self.totals[name] = elite_totals(folder / "stats")
        self.notes[name] = note_of(time.monotonic() - began, *self.totals[name])
        return folder

    def write(self, where: str = "", *, wide: bool = False) -> bool:
        """Write and print the table; where: the machine, if it is not this one; wide: all builds
        are specialised for what the suite does. Return whether all variants are as plain."""
        plain = self.results["plain"]
        different = {name: differences(plain, result) for name, result in self.results.items()}
        stem = "suite-guest" if where else "suite"
        write_table(self.options.dir / stem, self.results, self.notes, different)
        if self.options.docs and not self.options.tests:
            rows = {
                name: Variant(
                    len(result),
                    tuple(other.name for _, other in different[name]),
                    *self.totals[name],
                )
                for name, result in self.results.items()
            }
            write_findings(
                findings(rows, where, list(plain), wide=wide), self.options.docs / "compatibility"
            )
        return not any(different.values())


def note_of(seconds: float, begun: int, finished: int) -> str:
    """What the table says of a run."""
    elite = f", {begun:,} requests begun and {finished:,} finished in Elite" if begun else ""
    return f"{seconds:.0f} s{elite}"


# One file of statistics for each server process.
IN_ELITE = {"LP_ELITE": "inprocess", "LP_STATS": "{}/stats/%p.json"}


def elite_totals(folder: Path) -> tuple[int, int]:
    """Requests begun and finished in Elite by all servers of a run of the suite."""
    totals = totals_of(map(read_run, folder.glob("*.json")))
    return totals["requests"], totals["finished_in_elite"]


def step_suite(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """The suite with all variants; write and print the table. Return whether all are as plain."""
    root: Path = options.dir / "suite"
    runs = SuiteRuns(root, options, show)

    show.print("building memcached-debug with the plain compiler")
    plain = prepare(root / "plain", cache)
    plain_builder(options.jobs).build(plain, SUITE_TARGETS, SUITE_OPTIONS)
    runs.run("plain", plain, plain.memcached)

    show.print("building it for scouting")
    wrapped = prepare(root / "wrapped", cache)
    wrapped_builder("scout", options.jobs).build(wrapped, SUITE_TARGETS, SUITE_OPTIONS)
    folder = runs.run("scouted", wrapped, wrapped.memcached, LP_TRACE_DIR="{}/traces")

    show.print("scouting it with GETs, and specialising it")
    scout(wrapped, wrapped.memcached / SUITE_PROGRAM)
    runs.run("specialised", wrapped, specialize(wrapped), **IN_ELITE)
    programs = specialize(wrapped, stress=True)
    for force in FORCED:
        runs.run(force, wrapped, programs, **IN_ELITE, LP_FORCE_DEOPT=force)

    show.print("specialising it for what the suite itself does")
    arguments = ["--threshold", str(WIDE_THRESHOLD), str(folder / "traces")]
    run_step([tool("lp"), "manifest", *arguments], wrapped.root, clean_environment())
    runs.run("wide", wrapped, specialize(wrapped), **IN_ELITE)
    programs = specialize(wrapped, stress=True)
    runs.run(f"wide {FORCED[1]}", wrapped, programs, **IN_ELITE, LP_FORCE_DEOPT=FORCED[1])
    return runs.write()


def step_kernel(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """Some of the suite with Elite in a guest's kernel, against the plain build in that guest."""
    root: Path = options.dir / "suite"
    show.print("building memcached-debug with the plain compiler")
    plain = prepare(root / "plain", cache)
    plain_builder(options.jobs).build(plain, SUITE_TARGETS, SUITE_OPTIONS)
    show.print("building it for scouting")
    wrapped = prepare(root / "wrapped", cache)
    wrapped_builder("scout", options.jobs).build(wrapped, SUITE_TARGETS, SUITE_OPTIONS)
    show.print("scouting it with GETs, and specialising it")
    scout(wrapped, wrapped.memcached / SUITE_PROGRAM)
    plan = make_plan(
        plain.memcached / SUITE_PROGRAM,
        specialize(wrapped) / SUITE_PROGRAM,
        specialize(wrapped, stress=True) / SUITE_PROGRAM,
        FORCED,
        find_headers(options.kernel, cache_folder(os.environ)),
        options.dir / "modules",
    )
    files = [f"t/{name}.t" for name in GUEST_FILES]
    return in_guest(options, plan, plain, files, show, wide=False)


def step_kernel_suite(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """In a guest's kernel the whole suite, with what step `suite` left in the work folder: the
    builds that are specialised for what the suite does. What a guest before has run with them is
    not run again."""
    root: Path = options.dir / "suite"
    plain, wrapped = Tree(root / "plain"), Tree(root / "wrapped")
    programs = [
        plain.memcached / SUITE_PROGRAM,
        specialized(wrapped) / SUITE_PROGRAM,
        specialized(wrapped, stress=True) / SUITE_PROGRAM,
    ]
    needed = [*programs, options.dir / "suite.json"]
    if missing := [path for path in needed if not path.exists()]:
        raise LakePlacidError(
            "step `suite` has not left this",
            file=str(missing[0]),
            remedy="run the step `suite` first, with the same --dir",
        )
    headers = find_headers(options.kernel, cache_folder(os.environ))
    plan = make_plan(*programs, FORCED_WIDE, headers, options.dir / "wide-modules")
    seconds = plain_seconds(options.dir)
    files = sorted(suite_files(plain.memcached), key=lambda file: seconds.get(file, 0))
    return in_guest(options, plan, plain, files, show, wide=True)


def plain_seconds(folder: Path) -> dict[str, float]:
    """How long each file took with the plain build, by what step `suite` left in the folder."""
    data = json.loads((folder / "suite.json").read_text(encoding="utf-8"))
    return {name: result["seconds"] for name, result in data["plain"]["files"].items()}


def in_guest(
    options: argparse.Namespace,
    plan: GuestPlan,
    plain: Tree,
    files: Sequence[str],
    show: Console,
    *,
    wide: bool,
) -> bool:
    """Carry out a plan and keep what comes out. files: unless the options name others. Return
    whether all is as it must be."""
    files = options.tests or files
    kept = KeptTests(options.dir / "kernel-suite.json" if wide else None, plan)
    left = kept.left(files)
    show.print(f"running {len(left)} test files in a guest with Debian's {options.kernel}")
    told = run_plan(
        Path(__file__).with_name("memcached_guest.py"),
        plan,
        {"sources": str(plain.memcached), "files": left, "seconds": options.minutes * 60},
        kernel=options.kernel,
        folder=options.dir,
        timeout=GUEST_TIMEOUT,
        memory=GUEST_MEMORY,
        show=lambda text: show.print(text, end="", markup=False, highlight=False),
    )
    kept.add(told)
    tests = GuestTests.read(plan, files, kept.rows)
    runs = SuiteRuns(options.dir / "suite", options, show)
    for name, found in tests.found.items():
        totals: Counter[str] = Counter()
        results = {}
        for file, result in found.items():
            totals.update({key: result.pop(key) for key in ("begun", "finished")})
            results[file] = FileResult.read(result)
        runs.results[name] = results
        runs.totals[name] = (totals["begun"], totals["finished"])
        seconds = sum(result.seconds for result in results.values())
        runs.notes[name] = note_of(seconds, *runs.totals[name])
    for file in tests.failed.values():
        show.print(f"  {file['name']} fails with the plain build here:", highlight=False)
        show.print(f"    {file['note']}", markup=False, highlight=False)
    if tests.left:
        show.print(f"  no time for {', '.join(tests.left)}", highlight=False)
    same = runs.write(f"a guest with Debian's {options.kernel}", wide=wide)
    return same and not tests.failed


def findings(
    variants: Mapping[str, Variant], where: str, files: Sequence[str], *, wide: bool
) -> Findings:
    """What docs/compatibility.md says of it."""
    return Findings(
        server="memcached",
        version=MEMCACHED.version,
        build="CC=lp-cc ./configure; lp-wrap make",
        suite="its own (`prove t/`), by file",
        variants=variants,
        where=where,
        wide=wide,
        notes=(
            "Each file's outcome, its number of tests and those that fail are compared; a file "
            "that fails is run a second time. Some skip themselves, in each variant the same.",
            "A request is a call of `drive_machine`; a server that is killed tells no figures.",
            *(["All are specialised for what the suite does."] if wide else []),
            *(
                [f"Files: {', '.join(Path(file).stem for file in files)}."]
                if where
                else [
                    "Scouting sees GETs, the suite's servers live for a few other requests each. "
                    "*wide*: scouted with the suite itself."
                ]
            ),
        ),
    )


def write_table(
    stem: Path,
    results: Mapping[str, Mapping[str, FileResult]],
    notes: Mapping[str, str],
    different: Mapping[str, Sequence[tuple[FileResult, FileResult]]],
) -> None:
    """Write what came out to `<stem>.txt` and `<stem>.json`, and print the former."""
    table = Table(title="memcached's own test suite", title_justify="left")
    table.add_column("test file")
    for name in results:
        table.add_column(name)
    for file, plain in results["plain"].items():
        row = [file.removeprefix("t/"), str(plain)]
        for name in list(results)[1:]:
            result = results[name][file]
            row.append(str(result) if result.outcome != plain.outcome else "same")
        table.add_row(*row)
    path = stem.with_suffix(".txt")
    with path.open("w", encoding="utf-8") as file_out:
        console = Console(file=file_out, width=WIDTH, highlight=False)
        console.print(table)
        for name, note in notes.items():
            count = len(different[name])
            console.print(f"{name}: {count} files differ from plain ({note})", markup=False)
            for plain, other in different[name]:
                text = f"  {plain.name}: plain {plain}, here {other}\n{other.note}"
                console.print(text, markup=False)
    print(path.read_text(encoding="utf-8"))
    data = {
        name: {"note": notes[name], "files": {f: asdict(r) for f, r in result.items()}}
        for name, result in results.items()
    }
    stem.with_suffix(".json").write_text(json.dumps(data, indent=1), encoding="utf-8")


def step_server(options: argparse.Namespace, cache: Path, show: Console) -> bool:
    """memcached as one would use it: built, scouted, specialised, measured."""
    show.print("building memcached for scouting")
    tree = prepare(options.dir / "server", cache)
    program = tree.memcached / "memcached"
    wrapped_builder("scout", options.jobs).build(tree, ["memcached"])
    show.print("scouting it under a GET-heavy load")
    scout(tree, program)
    show.print("specialising it")
    program = specialize(tree) / "memcached"
    gets = measure_gets(program, options.requests)
    mixed = measure(program, Mix(), options.requests)
    table = Table(title="memcached, specialised, in one process", title_justify="left")
    for column in ("load", "requests sent", "begun in Elite", "finished in Elite", "share"):
        table.add_column(column)
    for name, measured in (("GET only", gets), ("mixed", mixed)):
        table.add_row(
            name,
            f"{measured.sent:,}",
            f"{measured.begun:,}",
            f"{measured.finished:,}",
            f"{measured.finished_share:.2%}",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("where requests of the mixed load left Elite:")
    for place, count in mixed.deopts[:20]:
        console.print(f"  {count:8,}  {place}", markup=False)
    return gets.finished_share >= GET_SHARE


STEPS: dict[str, Callable[[argparse.Namespace, Path, Console], bool]] = {
    "server": step_server,
    "suite": step_suite,
    "kernel": step_kernel,
    "kernel-suite": step_kernel_suite,
}
USUAL = ("server", "suite")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; return 0, or 1 when one failed or showed a difference."""
    parser = argparse.ArgumentParser(
        prog="recipe.py",
        description="memcached with LakePlacid: `server` builds, scouts, specialises and measures "
        "it; `suite` runs its own tests with all variants (half an hour); `kernel` runs some of "
        "them with Elite in the kernel of a guest, `kernel-suite` all of them there, for hours.",
    )
    parser.add_argument(
        "steps",
        nargs="*",
        metavar="server|suite|kernel|kernel-suite",
        help="default: the first two",
    )
    parser.add_argument("--dir", type=Path, help="work folder (default: .cache/memcached)")
    parser.add_argument("--jobs", type=int, default=2, help="of make")
    parser.add_argument("--suite-jobs", type=int, default=4, help="test files at a time")
    parser.add_argument("--requests", type=int, default=50000, help="of a load that is measured")
    parser.add_argument("--tests", nargs="+", metavar="t/FILE.t", help="only these test files")
    parser.add_argument("--kernel", choices=SERIES, default=DEFAULT, help="of the guest")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no file in the guest after so many"
    )
    parser.add_argument("--docs", type=Path, help="where compatibility/*.json is to be kept")
    options = parser.parse_args(argv)
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no such step: {unknown[0]}")
    cache = cache_folder(os.environ)
    options.dir = (options.dir or work_folder(os.environ, Path.cwd()) / "memcached").absolute()
    options.dir.mkdir(parents=True, exist_ok=True)
    show = Console(stderr=True)
    try:
        good = [STEPS[name](options, cache, show) for name in options.steps or USUAL]
    except LakePlacidError as error:
        print(f"memcached: {error}", file=sys.stderr)
        return 1
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
