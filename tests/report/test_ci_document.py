# SPDX-License-Identifier: GPL-2.0-only
"""docs/ci.md: each of its commands is run here, on a copy of the sample that it is written for."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lp_build.resources import resource_dir
from tests.lint.tree import ROOT
from tests.wrapper.support import Result, environment, run

DOCUMENT = ROOT / "docs" / "ci.md"
_BLOCK = re.compile(r"(?:`(ci/[\w.]+)`:\n\n)?```(\w*)\n(.*?)```", re.S)
MISSING_KEY = "\tif (!entry) {\n"
YIELDING = """\
		long yield = 24;
		__asm__ volatile("syscall" : "+a"(yield) : : "rcx", "r11", "memory");
"""


@dataclass(frozen=True)
class Block:
    """A block of the document: its language, and the file that it is, if it is one."""

    file: str
    language: str
    text: str


def blocks() -> list[Block]:
    """All blocks, in order."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [Block(*match.groups(default="")) for match in _BLOCK.finditer(text)]


class Reader:
    """Somebody who does what the document says, in a copy of the sample."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(resource_dir("sample_projects") / "udp_kv", folder)
        self.folder = folder
        ours = str(Path(sys.executable).parent)
        path = os.pathsep.join([ours, os.environ["PATH"]])
        self.environment = environment(PATH=path, GIT_CEILING_DIRECTORIES=str(folder.parent))
        self.commands = [b.text for b in blocks() if b.language == "sh" and not b.file]
        for block in blocks():
            if block.file:
                target = folder / block.file
                target.parent.mkdir(exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
        assert self.shell("git init -q").status == 0

    def shell(self, command: str) -> Result:
        """Run commands."""
        return run(["sh", "-euc", command], self.folder, self.environment)

    def next(self, beginning: str) -> str:
        """The document's next commands, which begin so."""
        command = self.commands.pop(0)
        assert command.startswith(beginning)
        return command

    def well(self, beginning: str) -> Result:
        """Run the next commands, which must succeed."""
        result = self.shell(self.next(beginning))
        assert result.status == 0, result.err + result.out
        return result


def test_every_command_does_what_the_document_says(tmp_path: Path) -> None:
    """From the first recording to the failure that it is all about, and its acceptance."""
    reader = Reader(tmp_path / "udp_kv")
    reader.well("mkdir -p ci")
    reader.well("sh ci/lakeplacid.sh --update")
    assert "ci/lp-baseline.json" in reader.shell("git ls-files").out.split()

    step = reader.next("sh ci/lakeplacid.sh\n")
    result = reader.shell(step)
    assert result.status == 0, result.err + result.out
    assert "lp check: ok: " in result.out

    source = reader.folder / "commands.c"
    text = source.read_text(encoding="utf-8")
    assert MISSING_KEY in text
    source.write_text(text.replace(MISSING_KEY, f"{MISSING_KEY}{YIELDING}", 1), encoding="utf-8")
    failed = reader.shell(step)
    assert failed.status == 1
    (shown,) = [b.text for b in blocks() if b.text.startswith("lp check: ")]
    for line in shown.splitlines():
        assert line in failed.err
    assert "yield" in (reader.folder / "lp-report.html").read_text(encoding="utf-8")

    accepted = "lp check --stats stats.json --baseline ci/lp-baseline.json --share 0.7"
    reader.well(f"{accepted} --update")
    reader.well(f"{accepted} --at-least 5")
    reader.well("lp check --stats stats.json --baseline ci/lp-baseline.json --json")
    assert json.loads((reader.folder / "check.json").read_text())["new"] == []
    assert json.loads((reader.folder / "report.json").read_text())["share"] > 0.7
    assert reader.commands == []


@pytest.mark.parametrize("block", [b for b in blocks() if b.language == "python"])
def test_scripts_are_valid(block: Block) -> None:
    """As far as a compiler can tell."""
    compile(block.text, block.file, "exec")
