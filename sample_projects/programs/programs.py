# SPDX-License-Identifier: GPL-2.0-only
"""zlib's minigzip and Lua: programs that are no servers, each under its cases in all variants.

`python programs.py` fetches, builds, scouts and specialises them, and runs every case with the
plain build, the scouted one, and the specialised one, without and with forced deopts, also at each
single site. With `--kernel`, Elite is in the kernel of a guest. What a case prints must be the same
bytes.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from rich.console import Console

from lp_build.cache import cache_folder
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import Headers, build_modules, find_headers
from lp_build.kernel_module.load import loaded, read_status
from lp_build.model import abi
from lp_build.statistics import read_run, totals_of
from lp_build.steps import run_step
from lp_build.trials.command import Asked, Recipe, Step, argument, guest, keep
from lp_build.trials.compatibility import Findings, Variant
from lp_build.trials.outcomes import PLAIN, Difference, Outcomes, Suite
from lp_build.trials.recipe import ELITE
from lp_build.trials.tree import Tree, environment, wrapper
from lp_build.trials.upstream import Source, copy_tree
from lp_build.vm.script import run_script

ABOUT = __doc__
TIMEOUT = 300.0  # seconds for one run of a program
SCRIPTS = Path(__file__).parent / "lua"
FORCED = ("all", "nth:2", "nth:7", "random:1:0.3", "random:2:0.01", "random:3:0.001")
FORCED_IN_KERNEL = ("all", "nth:7", "random:2:0.01", "random:3:0.001")
GUEST_TIMEOUT = 4 * 3600.0  # seconds


@dataclass(frozen=True)
class Case:
    """One run. command: its first word is a program's name; stdin: what it reads."""

    name: str
    command: tuple[str, ...]
    stdin: bytes = b""


@dataclass(frozen=True)
class Result:
    """What a case did: its exit status, a digest of what it printed, and the end of that."""

    status: int
    digest: str
    end: str


@dataclass(frozen=True)
class Program:
    """One source package. build: its commands, in its folder, the first one without lp-wrap's make;
    folder: where its programs land; requests: for each of them the program is built once, by a
    short name; own: commands of its own suite in its folder, which print the same in all variants;
    swift: of the cases, those that are run once for each site."""

    name: str
    source: Source
    build: tuple[tuple[str, ...], ...]
    folder: str
    programs: tuple[str, ...]
    requests: Mapping[str, str]
    cases: Callable[[], list[Case]]
    own: tuple[tuple[str, ...], ...]
    swift: tuple[str, ...]
    suite: str


def zlib_cases() -> list[Case]:
    """Texts of several kinds and lengths, packed at all levels, and unpacked."""
    chance = random.Random(1)
    words = ["elite", "fallback", "site", "deopt", "stack", "slot", " ", "\n", "0", "1"]
    texts = {
        "empty": b"",
        "short": b"hello, hello!\n",
        "words": "".join(chance.choices(words, k=20_000)).encode(),
        "random": chance.randbytes(50_000),
        "zeros": bytes(100_000),
        "runs": b"".join(bytes([chance.randrange(9)]) * chance.randrange(400) for _ in range(500)),
    }
    cases = []
    for name, text in texts.items():
        for option in ("-1", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9", "-h", "-r", "-f"):
            cases.append(Case(f"{name} {option}", ("minigzip", option), text))
        # gzip has no time in its head when it reads its standard input.
        packed = subprocess.run(["gzip", "-nc"], input=text, capture_output=True, check=True).stdout
        cases.append(Case(f"{name} -d", ("minigzip", "-d"), packed))
        cases.append(Case(f"{name} cut -d", ("minigzip", "-d"), packed[: len(packed) * 2 // 3]))
        broken = packed[: len(packed) // 2] + b"\xff\x00\xff" + packed[len(packed) // 2 + 3 :]
        cases.append(Case(f"{name} broken -d", ("minigzip", "-d"), broken))
    cases.append(Case("plain -d", ("minigzip", "-d"), b"not packed at all\n"))
    cases.append(Case("example", ("example", "example.gz")))
    return cases


def lua_cases() -> list[Case]:
    """Our scripts, by the interpreter and by the compiler."""
    cases = []
    for path in sorted(SCRIPTS.glob("*.lua")):
        text = path.read_bytes()
        cases.append(Case(path.stem, ("lua", "-", "a", "b"), text))
        cases.append(Case(f"luac {path.stem}", ("luac", "-s", "-o", "/dev/stdout", "-"), text))
    return cases


ZLIB = Program(
    "zlib",
    Source(
        "zlib", "1.2.13.dfsg", "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"
    ),
    (("./configure",), ("make",)),
    ".",
    ("minigzip", "example"),
    {"deflate": "deflate.c:deflate", "inflate": "inflate.c:inflate"},
    zlib_cases,
    (("make", "test"),),
    ("words -1", "words -6", "runs -9", "zeros -3", "random -h", "words -r", "words -d", "runs -d"),
    "its own (`make test`), and ours of minigzip",
)
LUA = Program(
    "lua",
    Source("lua5.4", "5.4.4", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"),
    # A jump by a computed address leaves Elite; this is Lua's own switch for a plain `switch`.
    ((), ("make", "linux", "MYCFLAGS=-DLUA_USE_JUMPTABLE=0")),
    "src",
    ("lua", "luac"),
    {"run": "lvm.c:luaV_execute", "parse": "lparser.c:luaY_parser"},
    lua_cases,
    (),
    ("calls", "errors"),
    "scripts of ours",
)
PROGRAMS = (ZLIB, LUA)


@dataclass(frozen=True)
class ProgramTree(Tree):
    """A source tree of a program, for one of its requests."""

    program: Program

    @property
    def sources(self) -> Path:
        """Where the build runs."""
        return self.root / self.program.name

    @property
    def made(self) -> Path:
        """The folder of the programs."""
        return Path(self.program.name) / self.program.folder


def prepare(program: Program, root: Path, cache: Path, request: str) -> ProgramTree:
    """A fresh tree at `root`, in place of what was there."""
    tree = ProgramTree(root, program)
    settings = f'request = "{request}"\nthreshold = 0.9\n'
    tree.lay_out({program.name: program.source}, settings, cache)
    return tree


def build(tree: ProgramTree, wrap: Sequence[str] = ()) -> None:
    """Its own build; wrap: the words before each command."""
    for command in tree.program.build:
        if command:
            run_step([*wrap, *command], tree.sources, environment())


def sites(program: Path) -> list[str]:
    """The names of all sites of a stress build where a deopt can be forced."""
    with program.open("rb") as file:
        elf = ELFFile(file)
        section = elf.get_section_by_name("lp_sites")
        if section is None:
            return []
        data = section.data()
        names = {
            _string(elf, site["name"])
            for site in abi.SITE.rows(data)
            if site["kind"] == abi.SiteKind.FORCE
        }
    return sorted(names)


def _string(elf: ELFFile, address: int) -> str:
    """The C string at an address of a program that is linked at a fixed place."""
    for section in elf.iter_sections():
        start = section["sh_addr"]
        if start and start <= address < start + section["sh_size"]:
            data: bytes = section.data()
            return data[address - start : data.index(b"\0", address - start)].decode()
    raise LakePlacidError(f"nothing lies at {address:#x}", remedy="this is a defect of LakePlacid")


def run_case(case: Case, programs: Path, folder: Path, settings: Mapping[str, str]) -> Result:
    """Run it in `folder`. A program that does not end counts as status 124."""
    try:
        done = subprocess.run(
            [str(programs / case.command[0]), *case.command[1:]],
            input=case.stdin,
            cwd=folder,
            env=settings,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        status, said = done.returncode, done.stdout + b"\n--\n" + done.stderr
    except subprocess.TimeoutExpired:
        status, said = 124, b"no end"
    # Programs say their own name when they complain.
    said = said.replace(str(programs).encode() + b"/", b"")
    return Result(status, hashlib.sha256(said).hexdigest(), said[-300:].decode("latin-1"))


class Runs(Suite[Result]):
    """Runs of one program's cases with one variant after the other."""

    unit = "cases"

    def __init__(self, program: Program, folder: Path, show: Console) -> None:
        self.program = program
        self.folder = folder
        self.show = show
        self.cases = program.cases()
        self.outcomes = Outcomes(self, show)
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def plain(self) -> Mapping[str, Result]:
        """What the plain build gave."""
        return self.outcomes.results[PLAIN]

    @property
    def variants(self) -> Mapping[str, Variant]:
        """What came out so far."""
        return self.outcomes.variants

    def own(self, sources: Path, programs: Path, settings: Mapping[str, str]) -> dict[str, Result]:
        """Its own suite, in a copy of the built sources with these programs."""
        if not self.program.own:
            return {}
        copy = self.folder / "own"
        shutil.rmtree(copy, ignore_errors=True)
        copy_tree(sources, copy)
        for name in self.program.programs:
            if programs != sources / self.program.folder:
                shutil.copy(programs / name, copy / self.program.folder / name)
        results = {}
        for command in self.program.own:
            done = subprocess.run(
                command, cwd=copy, env=settings, capture_output=True, text=True, check=False
            )
            # What make says it does is its own affair.
            said = done.stdout.partition("hello world")[2]
            digest = hashlib.sha256(said.encode()).hexdigest()
            end = (done.stdout + done.stderr)[-300:]
            results[" ".join(command)] = Result(done.returncode, digest, end)
        return results

    def run(self, name: str, tree: ProgramTree, programs: Path, **settings: str) -> None:
        """All cases, and its own suite."""
        began = time.monotonic()
        statistics = self.folder / "stats"
        shutil.rmtree(statistics, ignore_errors=True)
        statistics.mkdir()
        if settings.get("LP_ELITE"):
            settings["LP_STATS"] = f"{statistics}/%p.json"
        settings = environment(**settings)
        results = {
            case.name: run_case(case, programs, self.folder, settings) for case in self.cases
        }
        results.update(self.own(tree.sources, programs, settings))
        totals = totals_of(map(read_run, statistics.iterdir()))
        self.outcomes.add(name, results, totals, time.monotonic() - began)

    def run_sites(self, name: str, programs: Path) -> None:
        """The swift cases, once for each site where a deopt can be forced, with it forced."""
        began = time.monotonic()
        cases = [case for case in self.cases if case.name in self.program.swift]
        different: list[str] = []
        count = 0
        named = {case.command[0]: sites(programs / case.command[0]) for case in cases}
        for case in cases:
            for site in named[case.command[0]]:
                settings = environment(**ELITE, LP_FORCE_DEOPT=f"site:{site}")
                result = run_case(case, programs, self.folder, settings)
                count += 1
                if result.digest != self.plain[case.name].digest:
                    different.append(f"{case.name} at {site}")
                    self.outcomes.tell(f"    {different[-1]}: {result}")
        self.outcomes.note(name, Variant(count, tuple(different)), time.monotonic() - began)

    def differences(
        self, plain: Mapping[str, Result], other: Mapping[str, Result]
    ) -> Sequence[Difference]:
        """Cases that did other than the plain build."""
        return [
            Difference(name, f"{one}\n    here: {other[name]}")
            for name, one in plain.items()
            if (one.status, one.digest) != (other[name].status, other[name].digest)
        ]


def build_plainly(program: Program, folder: Path, cache: Path, show: Console) -> ProgramTree:
    """Its own build, in a fresh tree."""
    show.print(f"{program.name}: building it plainly")
    plain = prepare(program, folder / "plain", cache, next(iter(program.requests.values())))
    build(plain)
    return plain


def scout_requests(
    program: Program, folder: Path, cache: Path, runs: Runs
) -> Iterator[tuple[str, ProgramTree]]:
    """For each of its requests, a tree that was scouted under all cases."""
    for name, request in program.requests.items():
        runs.show.print(f"{program.name}: the request is {request}")
        tree = prepare(program, folder / name, cache, request)
        build(tree, wrapper())
        runs.run(f"{name}: scouted", tree, tree.built)
        tree.manifest()
        yield name, tree


def run_program(
    program: Program, folder: Path, cache: Path, show: Console, *, each_site: bool
) -> Runs:
    """All variants of one program."""
    runs = Runs(program, folder / "run", show)
    plain = build_plainly(program, folder, cache, show)
    runs.run(PLAIN, plain, plain.built)
    for name, tree in scout_requests(program, folder, cache, runs):
        runs.run(f"{name}: specialised", tree, tree.specialize(), **ELITE)
        stress = tree.specialize(stress=True)
        for force in FORCED:
            runs.run(f"{name}: forced {force}", tree, stress, **ELITE, LP_FORCE_DEOPT=force)
        if each_site:
            runs.run_sites(f"{name}: forced at each site singly", stress)
    return runs


@dataclass(frozen=True)
class GuestRun:
    """One variant in a guest. programs: their folder; modules: what they need in its kernel."""

    name: str
    programs: str
    modules: tuple[str, ...]
    environment: Mapping[str, str]


def run_in_kernel(
    program: Program, folder: Path, cache: Path, show: Console, kernel: str
) -> Mapping[str, Variant]:
    """The variants of one program with Elite in the kernel of a guest, the plain build among them;
    and what its own suite gives there with the plain one. kernel: one of SERIES.

    Raises LakePlacidError as run_script does, and where the guest's plain build fails.
    """
    headers = find_headers(kernel, cache_folder(os.environ))
    plain = build_plainly(program, folder, cache, show)
    rows = [GuestRun(PLAIN, str(plain.built), (), {})]
    scouting = Runs(program, folder / "scouting", show)
    scouting.run(PLAIN, plain, plain.built)
    driver = ""
    for name, tree in scout_requests(program, folder, cache, scouting):
        ordinary, stress = tree.specialize(), tree.specialize(stress=True)
        driver, modules = build_all(program, ordinary, headers, folder / "modules" / name)
        settings = {"LP_ELITE": "kernel"}
        rows.append(GuestRun(f"{name}: kernel", str(ordinary), modules, settings))
        _, modules = build_all(program, stress, headers, folder / "modules" / f"{name}-stress")
        for force in FORCED_IN_KERNEL:
            forced = {**settings, "LP_FORCE_DEOPT": force}
            rows.append(GuestRun(f"{name}: kernel, forced {force}", str(stress), modules, forced))
    show.print(f"{program.name}: running it in {guest(kernel)}")
    told = run_script(
        Path(__file__).with_name("programs_guest.py"),
        {
            "program": program.name,
            "sources": str(plain.root),
            "driver": driver,
            "rows": [asdict(row) for row in rows],
        },
        cache_folder(os.environ),
        os.environ,
        kernel=kernel,
        folder=folder,
        timeout=GUEST_TIMEOUT,
        show=lambda text: show.print(text, end="", markup=False, highlight=False),
    )
    *variants, failed = told
    if failed:
        raise LakePlacidError(f"{', '.join(failed)} fails with the plain build in the guest")
    return {
        row.name: Variant(**{**one, "different": tuple(one["different"])})
        for row, one in zip(rows, variants, strict=True)
    }


def build_all(
    program: Program, folder: Path, headers: Headers, target: Path
) -> tuple[str, tuple[str, ...]]:
    """The driver, and the modules of all the programs in `folder`."""
    built = [build_modules(folder / name, headers, target) for name in program.programs]
    return str(built[0].driver), tuple(str(one.application) for one in built)


def run_guest(plan: Mapping[str, Any], show: Console) -> Iterator[Any]:
    """In the guest: each row of the plan, and at last the commands of its own suite that fail with
    the plain build. Raises LakePlacidError where Elite was never in the kernel."""
    program = {one.name: one for one in PROGRAMS}[plan["program"]]
    tree = ProgramTree(Path(plan["sources"]), program)
    runs = Runs(program, tree.root.parent / "guest", show)
    with loaded(Path(plan["driver"])):
        for row in (GuestRun(**row) for row in plan["rows"]):
            with ExitStack() as stack:
                for module in row.modules:
                    stack.enter_context(loaded(Path(module)))
                runs.run(row.name, tree, Path(row.programs), **row.environment)
                kernel = sum(one["runs"] for one in read_status()["applications"])
            if row.modules and not kernel:
                raise LakePlacidError(f"{row.name}: nothing ran in the kernel")
            yield asdict(runs.variants[row.name])
    yield list(failed_plain(runs))


def failed_plain(runs: Runs) -> Iterator[str]:
    """Commands of its own suite that fail with the plain build: then nothing was proved."""
    for command in runs.program.own:
        if runs.plain[" ".join(command)].status != 0:
            yield " ".join(command)


def findings(program: Program, variants: Mapping[str, Variant], where: str = "") -> Findings:
    """What docs/compatibility.md says of it."""
    requests = ", ".join(f"*{name}*: {request}" for name, request in program.requests.items())
    words = [" ".join(command) for command in program.build if command]
    return Findings(
        server=program.name,
        version=program.source.version,
        build="; ".join(f"lp-wrap {command}" for command in words),
        suite=program.suite,
        variants=variants,
        where=where,
        notes=(f"No server: what counts as a request is {requests}.",),
    )


class Programs(Recipe):
    """Each program is a step, under all variants."""

    name = "programs"
    prog = "programs.py"
    description = ABOUT
    steps_help = "all"
    arguments = (
        argument("--dir", help="work folder (default: .cache/programs)"),
        argument("--no-sites", action="store_true", help="not each site singly"),
        argument("--kernel", default=None, help="with Elite in the kernel of a guest that has it"),
        argument("--docs", help="where compatibility/*.json are to be kept"),
    )
    usual = tuple(program.name for program in PROGRAMS)
    step = "program"
    soft_wrap = True

    def steps(self) -> Mapping[str, Step]:
        """By the program's name."""
        return {program.name: partial(step, program) for program in PROGRAMS}


def step(program: Program, asked: Asked) -> bool:
    """All variants of one program, in one process or in a guest's kernel. Return whether none does
    other than the plain build."""
    work = asked.folder / program.name
    kernel = asked.options.kernel
    failed: list[str] = []
    if kernel:
        variants = run_in_kernel(program, work, asked.cache, asked.show, kernel)
    else:
        each_site = not asked.options.no_sites
        runs = run_program(program, work, asked.cache, asked.show, each_site=each_site)
        variants = runs.variants
        failed = list(failed_plain(runs))
        for command in failed:
            asked.say(f"{program.name}: `{command}` fails with the plain build")
    keep(findings(program, variants, guest(kernel) if kernel else ""), asked.options.docs)
    return not failed and not any(variant.different for variant in variants.values())


if __name__ == "__main__":
    sys.exit(Programs().main())
