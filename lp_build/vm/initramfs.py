# SPDX-License-Identifier: GPL-2.0-only
"""What the guest starts from: a base that is made once a kernel, and a small part for each run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lp_build.kernels.errors import VmError
from lp_build.kernels.find import Kernel, locked, read_module
from lp_build.vm.cpio import Cpio

# For the result and the output; the host's files; the guest's changes to them.
MODULES = ("virtio_pci", "virtio_console", "virtiofs", "overlay")
INIT = Path(__file__).with_name("init.c")


def base_archive(kernel: Kernel, extra_modules: tuple[str, ...]) -> Path:
    """The cached base for `kernel`: init, and the modules it needs. Raises VmError without a C
    compiler that links statically."""
    names = (*MODULES, *extra_modules)
    digest = hashlib.sha256(INIT.read_bytes() + repr(names).encode()).hexdigest()[:16]
    archive = kernel.root / f"base-{digest}.cpio"
    if not archive.is_file():
        with locked(kernel.root / "lock"), tempfile.TemporaryDirectory(dir=kernel.root) as work:
            made = Path(work) / "base.cpio"
            made.write_bytes(_base(kernel, names, Path(work)))
            made.replace(archive)
    return archive


def run_archive(
    argv: Sequence[str], environ: Mapping[str, str], cwd: Path, writable: Sequence[Path]
) -> bytes:
    """The part of one run: what to run, in which folder, and which folders it may change."""
    archive = Cpio()
    archive.file("lp/argv", _ended(argv))
    archive.file("lp/env", _ended(f"{name}={value}" for name, value in environ.items()))
    archive.file("lp/cwd", os.fsencode(cwd))
    archive.file("lp/writable", b"".join(os.fsencode(path) + b"\n" for path in writable))
    return archive.archive()


def _ended(words: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def _base(kernel: Kernel, names: tuple[str, ...], work: Path) -> bytes:
    archive = Cpio()
    for folder in ("lp", "lp/bin", "lp/ko"):
        archive.folder(folder)
    # Init lies in the folder that the guest sees as /run/lakeplacid, for its other names.
    archive.file("lp/bin/init", _compile_init(work), 0o755)
    archive.link("init", "/lp/bin/init")
    for name in ("insmod", "rmmod"):
        archive.link(f"lp/bin/{name}", "init")
    loaded = []
    for path in kernel.module_closure(names):
        target = f"lp/ko/{path.name.split('.ko')[0]}.ko"
        archive.file(target, read_module(path))
        loaded.append(f"/{target}\n")
    archive.file("lp/modules", "".join(loaded).encode())
    return archive.archive()


def _compile_init(work: Path) -> bytes:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise VmError("no C compiler", remedy="apt-get install gcc libc6-dev")
    out = work / "init"
    process = subprocess.run(
        [compiler, "-static", "-Os", "-s", "-o", str(out), str(INIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise VmError(
            f"the guest's init can't be compiled:\n{process.stderr}",
            file=str(INIT),
            remedy="apt-get install gcc libc6-dev",
        )
    return out.read_bytes()
