# SPDX-License-Identifier: GPL-2.0-only
"""docs/how-to/: the worked examples are followed, on copies of what they change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lp_build.kernels.versions import LISTED, SERIES, VERSIONS, Version
from lp_build.steps import run_step
from tests.documents.support import ROOT, fenced_blocks

HOW_TO = ROOT / "docs" / "how-to"


def test_a_record_makes_a_kernel_known(tmp_path: Path) -> None:
    """That of the page: to `lp vm`, `lp build` and the tables."""
    (record,) = [
        b.text for b in fenced_blocks(HOW_TO / "add-a-kernel.md") if b.language == "python"
    ]
    for name in ("lp_build", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    source = tmp_path / "lp_build" / "kernels" / "versions.py"
    text = source.read_text(encoding="utf-8")
    assert text.count("\n)\nSERIES") == 1
    source.write_text(
        text.replace("\n)\nSERIES", f"\n{record.rstrip()},\n)\nSERIES"), encoding="utf-8"
    )
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import manual; "
        "from lp_build.kernel_module.build import SERIES; "
        "from lp_build.vm.command import make_parser; "
        "print(SERIES, make_parser().format_help(), manual.kernels())"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    shown = run_step([sys.executable, "-c", code], tmp_path, environ)
    new = re.findall(r'"(.*?)"', record)[0]
    assert new not in SERIES
    assert str((*SERIES, new)) in shown
    assert f"--kernel {{{','.join((*SERIES, new))}}}" in shown
    assert f"| {new} | `linux-image-{new}.*-cloud-amd64` in trixie-backports | gcc-14 |" in shown


def test_the_readme_lists_the_kernels_that_there_are() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"Linux {LISTED} (others are untried)" in text
    assert "`lp vm [--kernel " + "\\|".join(SERIES) + "]" in text
    assert f"Debian's {LISTED}, whose headers" in text


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.series)
def test_a_kernels_packages_are_those_of_its_series_only(version: Version) -> None:
    release = f"linux-image-{version.series}.0-28-cloud-amd64"
    assert [one for one in VERSIONS if re.fullmatch(one.image_pattern, release)] == [version]


def test_a_form_is_added_and_does_what_the_library_does(tmp_path: Path) -> None:
    """All the page's blocks, on a copy of the tree; then its tests, as plain C and in the kernel
    form."""
    blocks = fenced_blocks(HOW_TO / "add-a-form.md")
    (name,) = (block.text for block in blocks if block.language == "toml")
    check, form = (block.text for block in blocks if block.language == "c")
    for folder in ("lp_build", "c_runtime", "kernel", "templates", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    runtime, program = tmp_path / "c_runtime/forms", tmp_path / "tests/forms/programs/memory.c"
    _replace(runtime / "libcalls.toml", "[memory]\nnames = [\n", f"[memory]\nnames = [\n{name}")
    _replace(program, "int main(", f"{check}\nint main(")
    _replace(program, "\t\tcopies();\n", "\t\tcopies();\n\t\tswaps();\n")
    tests = ["tests/forms", "-k", "gcc and (memory or each_library_call) and not variant"]

    assert "lp_form_swab" in _tested(tmp_path, tests, status=1)
    with (runtime / "memory.c").open("a", encoding="utf-8") as file:
        file.write(f"\n{form}")
    assert "passed" in _tested(tmp_path, tests, status=0)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def _tested(tree: Path, words: list[str], *, status: int) -> str:
    """What pytest prints in a tree of its own; it must end with this status."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *words],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_row_makes_a_server_known(tmp_path: Path) -> None:
    """That of the page: it is built, started, loaded and ended as a trial's server is."""
    build = tmp_path / "http_events"
    ignored = shutil.ignore_patterns("*.o", "*.d", "*.a", ".lp", "http_events")
    shutil.copytree(ROOT / "sample_projects" / "http_events", build, ignore=ignored)
    (row,) = [b.text for b in fenced_blocks(HOW_TO / "add-a-server.md") if b.language == "python"]
    script = tmp_path / "follow.py"
    script.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "from servers import Source, Trial, http_load, serve\n"
        "from lp_build.steps import run_step\n"
        f"trial = {row}\n"
        "build = Path(sys.argv[1])\n"
        "run_step(trial.make, build, dict(os.environ))\n"
        "with serve(trial, build, dict(os.environ)) as server:\n"
        "    print(trial.load(server.port, 20).requests)\n"
        "run_step(trial.clean, build, dict(os.environ))\n"
        "print((build / trial.program).exists())\n"
        "sources = ''.join(path.read_text() for path in build.glob('*.c'))\n"
        "print([name for name in (*trial.requests, *trial.loops) if f'{name}(' not in sources])\n",
        encoding="utf-8",
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "sample_projects" / "servers")}
    assert run_step([sys.executable, script, build], ROOT, environ).split("\n") == [
        "20",
        "False",
        "[]",
        "",
    ]
