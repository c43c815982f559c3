# SPDX-License-Identifier: GPL-2.0-only
"""docs/tutorial.md and README.md: their commands are run, on copies of the sample server, and what
the tutorial says that they print is what they print."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.documents.support import (
    PORT,
    ROOT,
    alike,
    fenced_blocks,
    free_port,
    indented_commands,
    sample_on,
    type_in,
)

TUTORIAL = ROOT / "docs" / "tutorial.md"
README = ROOT / "README.md"
# What can't be run on a copy of the sample, and where it is.
ELSEWHERE = {
    "make demo": "tests/demo/test_demo.py",
    "make test": "this is it",
    "pip install .": "tests/lint/test_install.py",
    "lp build --kernel $(uname -r)": "tests/kernel/test_applications.py",
    "lp load": "tests/kernel_module/test_load.py",
    "LP_ELITE=auto ./server": "tests/kernel/test_applications.py",
    "lp status": "tests/kernel_module/test_load.py",
    "lp unload": "tests/kernel_module/test_load.py",
}
LOAD = """\
#!/usr/bin/env python3
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", PORT))
client.settimeout(0.5)
answered = 0
while answered < 500:
    try:
        client.send(b"%d GET key" % answered)
        client.recv(2048)
        answered += 1
    except (TimeoutError, ConnectionRefusedError):
        pass
"""


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """From nothing to Elite; numbers may differ from run to run, words may not."""
    port = free_port()
    sample_on(port, tmp_path / "sample_projects" / "udp_kv")
    blocks = fenced_blocks(TUTORIAL)
    (load,) = [block.text for block in blocks if block.language == "python"]
    assert PORT in load
    # The reader is in the folder when there is a file to be written.
    commands = [block for block in blocks if block.language == "sh"]
    typed = [block.text for block in commands]
    typed[1] += f"cat >load.py <<'END'\n{load.replace(PORT, port)}END\n"
    printed = dict(zip([block.line for block in commands], type_in(typed, tmp_path), strict=False))
    for before, block in pairwise(blocks):
        if block.language == "text":
            output = [alike(line) for line in printed[before.line].splitlines()]
            for line in block.text.splitlines():
                assert alike(line) in output, f"line {block.line}: {line}\n{printed[before.line]}"
    (top,) = [out for out in printed.values() if "left Elite at" in out]
    assert re.search(r"\d+ /s", top)
    assert "protocol.c:42" in top
    assert (tmp_path / "my-server" / "lp-report.html").is_file()


def test_each_command_of_the_readme_is_run(tmp_path: Path) -> None:
    """Those for one's own server on the sample, with `configure`, `server` and `load-it` as the
    page supposes them."""
    port = free_port()
    folder = sample_on(port, tmp_path / "server")
    (folder / "lp.toml").unlink()
    makefile = (folder / "Makefile").read_text(encoding="utf-8")
    (folder / "Makefile").write_text(re.sub(r"\budp_kv\b", "server", makefile), encoding="utf-8")
    for name, text in (("load-it", LOAD.replace("PORT", port)), ("configure", "#!/bin/sh\n")):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    commands = indented_commands(README)
    assert set(ELSEWHERE) <= set(commands)
    here = [command for command in commands if command not in ELSEWHERE]
    printed = type_in([_ended(command) for command in here], folder)
    assert '"finished_in_elite": 500' in printed[-2]
    assert (folder / "lp-report.html").is_file()


def _ended(command: str) -> str:
    """A server in the foreground is ended by the load's end."""
    if command.endswith("./server"):
        return f"{command} & load-it; kill $!; wait"
    return command


@pytest.mark.parametrize("place", sorted(set(ELSEWHERE.values()) - {"this is it"}))
def test_the_tests_that_run_the_other_commands_are_there(place: str) -> None:
    assert (ROOT / place).is_file()


def test_documents_name_only_files_that_are_there() -> None:
    for document in (*(ROOT / "docs").rglob("*.md"), README):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
