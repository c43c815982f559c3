# SPDX-License-Identifier: GPL-2.0-only
"""A drop-in compiler that builds a program by the thesis's scheme (see thesis.py).

`python -m lp_build.bench.thesis_cc CC ROOT RUNTIME ARGS…`: the real compiler (it may be several
words), the folder with the manifest, the object of thesis_fallback.S, and the arguments. While ROOT
has no manifest (when `configure` runs) it is the real compiler.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.bench.thesis import thesis_assembly, thesis_source
from lp_build.layout import BuildDir
from lp_build.manifest.manifest import load_manifest
from lp_build.model.verdicts import Manifest

_WITH_ARGUMENT = ("-MF", "-MT", "-MQ")
_DEPENDENCIES = ("-MD", "-MMD", "-MP", "-MG")
_NO_LINK = ("-E", "-S", "-M", "-MM", "-r", "-shared", "-v", "-V", "-qversion", "--version")


@dataclass(frozen=True)
class Compile:
    """A command that compiles one C file: flags without input, output and dependency files."""

    source: str
    output: str
    flags: tuple[str, ...]


def parse_compile(arguments: Sequence[str]) -> Compile | None:
    """Read a `-c` command with one C source; None for another command."""
    flags: list[str] = []
    sources: list[str] = []
    output = ""
    words = iter(arguments)
    for word in words:
        if word in _WITH_ARGUMENT:
            next(words, "")
        elif word == "-o":
            output = next(words, "")
        elif word.endswith(".c") and not word.startswith("-"):
            sources.append(word)
        elif word != "-c" and word not in _DEPENDENCIES:
            flags.append(word)
    if "-c" not in arguments or len(sources) != 1:
        return None
    return Compile(sources[0], output or f"{Path(sources[0]).stem}.o", tuple(flags))


def compile_unit(compiler: Sequence[str], job: Compile, root: Path, manifest: Manifest) -> None:
    """Replace the plain object of `job`. Raises CalledProcessError when a step fails."""
    with tempfile.TemporaryDirectory() as folder:
        text, asm = Path(folder) / "x.i", Path(folder) / "x.s"

        def run(*words: str) -> None:
            subprocess.run([*compiler, *job.flags, "-w", *words], check=True)

        run("-E", job.source, "-o", str(text))
        unit = thesis_source(
            text.read_bytes(), cwd=str(Path.cwd()), build=BuildDir(root), manifest=manifest
        )
        text.write_bytes(unit.text)
        run("-S", "-x", "cpp-output", str(text), "-o", str(asm))
        edited = thesis_assembly(asm.read_text(encoding="utf-8", errors="surrogateescape"))
        asm.write_text(edited, encoding="utf-8", errors="surrogateescape")
        subprocess.run([*compiler, "-c", str(asm), "-o", job.output], check=True)


def main(argv: Sequence[str]) -> int:
    """One compiler command; its exit status."""
    name, root, runtime, *arguments = argv
    compiler = shlex.split(name)
    path = Path(root) / "lp-manifest.toml"
    job = parse_compile(arguments)
    extra: list[str] = []
    if path.exists() and job is None and not {*_NO_LINK, "-c"} & {*arguments}:
        extra = [runtime]
    status = subprocess.run([*compiler, *arguments, *extra], check=False).returncode
    if status == 0 and job is not None and path.exists():
        try:
            compile_unit(compiler, job, Path(root), load_manifest(path))
        except subprocess.CalledProcessError as error:
            print(f"thesis_cc: {job.source}: {error}", file=sys.stderr)
            return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
