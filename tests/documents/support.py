# SPDX-License-Identifier: GPL-2.0-only
"""Documents whose commands are run, by someone who types them into one shell."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lp_build.resources import resource_dir
from tests.wrapper.support import environment

ROOT = Path(__file__).parent.parent.parent
SECONDS = 240.0  # for a whole document
PORT = "7411"  # what the sample server takes, unless it is told another
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
_INDENTED = re.compile(r"(?:^    .+\n(?:\n(?=    ))?)+", re.M)
_END = "@@ end of block @@"


@dataclass(frozen=True)
class Block:
    """A block of a document: its language, its text, and the line that it begins at."""

    language: str
    text: str
    line: int


def fenced_blocks(document: Path) -> list[Block]:
    """Blocks between ``` marks."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(match.group(1), match.group(2), text.count("\n", 0, match.start()) + 2)
        for match in _FENCED.finditer(text)
    ]


def indented_commands(document: Path) -> list[str]:
    """The lines of indented blocks, without comments."""
    text = document.read_text(encoding="utf-8")
    lines = [line for match in _INDENTED.finditer(text) for line in match.group().splitlines()]
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


def free_port() -> str:
    """A port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def sample_on(port: str, folder: Path) -> Path:
    """A copy of udp_kv that takes another port: there may be more than one of us."""
    shutil.copytree(
        resource_dir("sample_projects") / "udp_kv",
        folder,
        ignore=shutil.ignore_patterns("*.o", "*.d", "*.a", ".lp", "udp_kv"),
    )
    source = folder / "main.c"
    text = source.read_text(encoding="utf-8")
    assert f"port = {PORT};" in text
    source.write_text(text.replace(f"port = {PORT};", f"port = {port};"), encoding="utf-8")
    return folder


def type_in(blocks: list[str], folder: Path) -> list[str]:
    """Run commands as one would in a terminal, block by block in one bash that ends at a failure;
    what each block printed. Fails with all of the output."""
    ours = str(Path(sys.executable).parent)
    path = os.pathsep.join([str(folder), ours, os.environ["PATH"]])
    script = "set -eu\nexec 2>&1\n" + f"\necho '{_END}'\n".join([*blocks, ""])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(PATH=path, GIT_CEILING_DIRECTORIES=str(folder), NO_COLOR="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    printed = done.stdout.split(f"{_END}\n")
    assert done.returncode == 0, f"block {len(printed)} failed:\n{done.stdout[-3000:]}{done.stderr}"
    return printed


def alike(line: str) -> str:
    """A line of output with white space and what differs from run to run evened out."""
    return re.sub(r"\d[\d,]*(?:\.\d+)?", "#", " ".join(line.split()))
