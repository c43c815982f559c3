#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare what two checkouts make of the same programs, byte for byte.

usage: .venv/bin/python scripts/same_output.py BEFORE AFTER [--program NAME]… [--compiler NAME]…

Both checkouts are copied to one folder in turn, so that no path differs, and each builds each
program with each compiler: for scouting, specialised, and specialised for stress. An object has
Elite's form for one process and the one for the kernel. The first checkout scouts; the second takes
its traces and its manifest. udp_kv is built once more with `mode = "queue"`.

What is compared: each unit's objects, and the lp_* sections of the programs; the disassembly of the
runtime's archives, function by function, wherever in them a function lies; `lp --help` and that of
each command, the manual pages; what `lp manifest`, `lp build` and `lp report` say. Prints a line
for each kind and each difference; exit status 1 if there was one. Both need their .venv.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from lp_build.cache import cache_folder
from lp_build.errors import LakePlacidError
from lp_build.steps import run_step

Outputs = dict[tuple[str, str], bytes]  # by kind and name
SCRIPTS = ("lp-cc", "lp-wrap")
COMMANDS = "doctor init wrap manifest build report check top load unload status bench demo".split()
COUNT = 300  # requests of each kind


@dataclass(frozen=True)
class Program:
    """A program to build. targets: of make; arguments: of the program; load: what
    it is asked while it is scouted; mode: of lp.toml."""

    name: str
    targets: tuple[str, ...]
    arguments: tuple[str, ...]
    load: Callable[[int], None]
    mode: str = "wait"

    @property
    def path(self) -> str:
        """The program, below the project's folder."""
        return "memcached/memcached" if self.name == "memcached" else self.name

    @property
    def label(self) -> str:
        """What it is called in the output."""
        return self.name if self.mode == "wait" else f"{self.name}, {self.mode}"


def _ask_udp(port: int) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.settimeout(30)
        client.connect(("127.0.0.1", port))
        for number in range(COUNT):
            for text in (f"SET k{number % 7} value", f"GET k{number % 7}", f"GET k{number % 7}"):
                client.send(f"i{number} {text}".encode())
                client.recv(4096)


def _ask_http(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), 30)) as client:
        for _ in range(COUNT):
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            client.recv(65536)


def _ask_memcached(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), 30)) as client:
        for number in range(COUNT):
            for text in (f"set k{number % 7} 0 0 5\r\nvalue\r\n", f"get k{number % 7}\r\n"):
                client.sendall(text.encode())
                client.recv(65536)


PROGRAMS = (
    Program("udp_kv", ("udp_kv",), ("-p", "0"), _ask_udp),
    Program("udp_kv", ("udp_kv",), ("-p", "0"), _ask_udp, "queue"),
    Program("http_events", ("http_events",), ("-p", "0"), _ask_http),
    Program("memcached", ("memcached",), ("-U", "0", "-u", "root", "-t", "1"), _ask_memcached),
)


class Tree:
    """A checkout, copied to where the other one was, with programs that run it."""

    def __init__(self, checkout: Path, place: Path) -> None:
        self.place = place
        shutil.rmtree(place, ignore_errors=True)
        listed = run_step(["git", "ls-files", "-z"], checkout)
        for name in filter(None, listed.split("\0")):
            copy = place / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, copy, follow_symlinks=False)
        self.bin = place / ".venv" / "bin"
        run_step([sys.executable, "-m", "venv", "--without-pip", place / ".venv"], place)
        (packages,) = (place / ".venv").glob("lib/python*/site-packages")
        (theirs,) = (checkout / ".venv").glob("lib/python*/site-packages")
        (packages / "same.pth").write_text(f"{place}\n{theirs}\n")
        for script in SCRIPTS:
            shutil.copy2(place / "scripts" / script, self.bin / script)
        main = f"#!{self.bin}/python\nimport sys\nfrom lp_build.cli import main\nsys.exit(main())\n"
        (self.bin / "lp").write_text(main)
        (self.bin / "lp").chmod(0o755)

    def run(self, name: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run one of its commands."""
        return run_step([self.bin / name, *arguments], cwd or self.place)


def _listening(process: subprocess.Popen[bytes]) -> int:
    """The port that a process listens at, by /proc; there is nothing to wait on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        sockets = set()
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                sockets.add(re.sub(r"\D", "", str(link.readlink())))
            except FileNotFoundError:
                continue
        for table, state in (("tcp", "0A"), ("udp", "07")):
            for row in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
                words = row.split()
                if words[3] == state and words[9] in sockets:
                    return int(words[1].partition(":")[2], 16)
        time.sleep(0.05)
    raise LakePlacidError(f"{process.args!r} does not listen", remedy="run it by hand")


def _scout(program: Program, folder: Path) -> None:
    """Run the scouting program under its load."""
    path = folder / program.path
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen([path, *program.arguments], cwd=folder, stdout=subprocess.DEVNULL)
        )
        stack.callback(process.kill)
        program.load(_listening(process))
        process.terminate()
        process.wait(60)


def _prepare(program: Program, tree: Tree, compiler: str, folder: Path, kept: Path) -> None:
    """Lay out a program's sources; memcached's are configured, once for both checkouts."""
    shutil.rmtree(folder, ignore_errors=True)
    sample = tree.place / "sample_projects" / program.name
    if program.name != "memcached":
        shutil.copytree(sample, folder)
    elif kept.exists():
        shutil.copytree(kept, folder, symlinks=True)
    else:
        recipes = Path(__file__).resolve().parent.parent / "sample_projects"
        sys.path.insert(0, str(recipes / "memcached"))
        import memcached_build

        made = memcached_build.prepare(folder, cache_folder({}))
        memcached_build.Builder(compiler).configure(made)
        shutil.copytree(folder, kept, symlinks=True)
    if program.mode != "wait":
        config = folder / "lp.toml"
        config.write_text(f'mode = "{program.mode}"\n{config.read_text()}')


def _make(program: Program, tree: Tree, compiler: str, folder: Path) -> None:
    """Build it for scouting."""
    wrap = [tree.bin / "lp-wrap", "--phase", "scout", "--", "make", f"CC={compiler}", "-j2"]
    parts = [folder]
    if program.name == "memcached":
        run_step(wrap, folder / "libevent")
        parts = [folder / "memcached"]
    for part in parts:
        run_step([*wrap, *program.targets], part)


def _objects(kind: str, folder: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    """What was compiled of the program's units, not of the runtime."""
    for path in sorted(folder.rglob("*.o")):
        name = path.relative_to(folder)
        if name.parts[:2] != (".lp", "runtime"):
            yield (f"objects, {kind}", str(name)), path.read_bytes()


def _sections(kind: str, path: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if section.name.startswith("lp_"):
                yield (f"sections, {kind}", f"{path.name} {section.name}"), section.data()


def _functions(kind: str, folder: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    """The disassembly of the runtime's archives, by function."""
    found: dict[str, list[str]] = {}
    for archive in sorted((folder / ".lp" / "runtime").rglob("*.a")):
        text = run_step(["objdump", "-dr", "--no-show-raw-insn", archive], folder)
        for part in re.split(r"\n(?=[0-9a-f]+ <)", text)[1:]:
            head, _, body = part.partition(":\n")
            body = re.split(r"\n\n\S", body)[0]
            body = re.sub(r"(?m)^\s+[0-9a-f]+:\s*", "", body)
            body = re.sub(r"\b[0-9a-f]+ (<[^>]+>)", r"\1", body)
            name = f"{archive.stem.partition('-')[0]} {head.split()[1]}"
            found.setdefault(name, []).append(body.strip())
    for name, bodies in found.items():
        yield (f"functions of the runtime, {kind}", name), "\n--\n".join(sorted(bodies)).encode()


def _program(
    program: Program, tree: Tree, compiler: str, work: Path, kept: Path
) -> Iterator[tuple[tuple[str, str], bytes]]:
    """All that a checkout makes of one program. kept: the first one's traces and manifest."""
    folder = work / "project"
    _prepare(program, tree, compiler, folder, work / f"{program.name}-{compiler}")
    _make(program, tree, compiler, folder)
    label = f"{program.label}, {compiler}"
    yield from _objects(f"scout, {label}", folder)
    traces, manifest = folder / ".lp" / "traces", folder / "lp-manifest.toml"
    if not kept.exists():
        _scout(program, folder)
        shutil.copytree(traces, kept / "traces")
    shutil.rmtree(traces, ignore_errors=True)
    shutil.copytree(kept / "traces", traces)
    said = tree.run("lp", "manifest", "--explain", "--no-forecast", cwd=folder)
    yield ("texts", f"lp manifest, {label}"), said.encode()
    if (kept / manifest.name).exists():
        shutil.copy(kept / manifest.name, manifest)
    else:
        shutil.copy(manifest, kept)
    for kind, options, output in (
        ("specialised", (), folder),
        ("stress", ("--stress",), folder / ".lp" / "stress"),
    ):
        said = tree.run("lp", "build", "-j1", *options, cwd=folder)
        yield ("texts", f"lp build, {kind}, {label}"), said.encode()
        yield from _sections(f"{kind}, {label}", output / program.path)
    yield from _objects(f"specialised and stress, {label}", folder)
    yield from _functions(label, folder)
    said = tree.run("lp", "report", "--json", cwd=folder)
    yield ("texts", f"lp report --json, {label}"), said.encode()
    tree.run("lp", "report", "-o", folder / "report.html", cwd=folder)
    yield ("texts", f"lp report, {label}"), (folder / "report.html").read_bytes()


def _texts(tree: Tree) -> Iterator[tuple[tuple[str, str], bytes]]:
    for command in ([], *([name] for name in COMMANDS)):
        words = ["lp", *command, "--help"]
        yield ("texts", " ".join(words)), tree.run(*words).encode()
    for page in sorted((tree.place / "man").glob("*.1")):
        yield ("texts", page.name), page.read_bytes()


def _outputs(
    checkout: Path, programs: Sequence[Program], compilers: Sequence[str], work: Path
) -> Outputs:
    tree = Tree(checkout, work / "checkout")
    found = dict(_texts(tree))
    for compiler in compilers:
        for program in programs:
            print(f"{checkout}: {program.label}, {compiler}", file=sys.stderr, flush=True)
            kept = work / f"kept-{program.name}-{program.mode}-{compiler}"
            found.update(_program(program, tree, compiler, work, kept))
    return found


def compare(before: Outputs, after: Outputs) -> bool:
    """Print how they differ, and what is the same; whether all is."""
    same = True
    for kind in dict.fromkeys(kind for kind, _ in (*before, *after)):
        names = sorted({name for k, name in (*before, *after) if k == kind})
        equal = 0
        for name in names:
            one, other = before.get((kind, name)), after.get((kind, name))
            if one == other:
                equal += 1
                continue
            same = False
            lack = "only before" if other is None else "only after" if one is None else "differs"
            print(f"  {lack}: {kind}: {name}")
        size = sum(len(data) for (k, _), data in before.items() if k == kind)
        print(f"{kind}: {equal} of {len(names)} the same ({size:,} bytes)", flush=True)
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("before", type=Path, metavar="BEFORE")
    parser.add_argument("after", type=Path, metavar="AFTER")
    names = list(dict.fromkeys(program.name for program in PROGRAMS))
    parser.add_argument("--program", action="append", choices=names, help="default: all")
    parser.add_argument("--compiler", action="append", help="default: gcc and clang")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write what differs below DIR")
    options = parser.parse_args()
    programs = [p for p in PROGRAMS if p.name in (options.program or names)]
    with tempfile.TemporaryDirectory(prefix="same-") as folder:
        both = [
            _outputs(one.resolve(), programs, options.compiler or ["gcc", "clang"], Path(folder))
            for one in (options.before, options.after)
        ]
    if options.keep:
        for side, found, other in (("before", *both), ("after", *reversed(both))):
            for (kind, name), data in found.items():
                if other.get((kind, name)) != data:
                    path = options.keep / side / kind / name.replace("/", "_")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
    return 0 if compare(*both) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LakePlacidError as error:
        sys.exit(f"same_output: {error}")
