# SPDX-License-Identifier: GPL-2.0-only
"""External modules, built against the headers in the cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lp_build.kernels.errors import VmError
from lp_build.kernels.find import locked
from lp_build.kernels.versions import DEFAULT, version_of

# What kbuild leaves in a module's folder, never copied from the sources' own.
_LEFT = ("*.o", "*.ko", "*.mod", "*.mod.c", "*.cmd", "Module.symvers", "modules.order")


DEFAULT_COMPILER = version_of(DEFAULT).compiler


def compiler_of(config: str) -> str:
    """The compiler that a kernel was built by, and its modules are to be: from the text of its
    .config."""
    found = re.search(
        r'^CONFIG_CC_VERSION_TEXT="(?:[\w-]*-linux-gnu-)?(gcc-\d+|clang-\d+) ', config, re.M
    )
    return found[1] if found else DEFAULT_COMPILER


class KernelHeaders(Protocol):
    """A kernel to build for. release: its `uname -r`; headers: the folder to give to `make -C`."""

    @property
    def release(self) -> str: ...

    @property
    def headers(self) -> Path: ...


@dataclass(frozen=True)
class BuiltModule:
    """folder: where it was built; log: all that make printed, warnings included."""

    folder: Path
    log: str

    def module(self, name: str) -> Path:
        """The file `name.ko`."""
        return self.folder / f"{name}.ko"

    @property
    def symbols(self) -> Path:
        """The exported symbols, for modules that stand on this one."""
        return self.folder / "Module.symvers"


def build_module(
    sources: Path,
    kernel: KernelHeaders,
    folder: Path,
    variables: Sequence[str] = (),
    symbols: Sequence[Path] = (),
) -> BuiltModule:
    """Copy `sources` to `folder` (kbuild builds in place; one folder a kernel) and build there.

    variables: more words for make, such as "W=1"; symbols: Module.symvers of modules that this
    one stands on. What has not changed is not built again. Raises VmError with make's output.
    """
    compiler = _compiler(kernel)
    if shutil.which("make") is None or shutil.which(compiler) is None:
        raise VmError(
            f"make and {compiler} build modules for {kernel.release}",
            remedy=f"apt-get install make {compiler}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        _copy_changed(sources, folder)
        argv = [
            *("make", "-C", str(kernel.headers), f"M={folder}"),
            f"KBUILD_EXTRA_SYMBOLS={' '.join(map(str, symbols))}",
            # Type information for BPF would need pahole, and nobody reads it.
            "CONFIG_DEBUG_INFO_BTF_MODULES=",
            *variables,
            "modules",
        ]
        # make's own variables would reach kbuild from a `make test` that we run in.
        environ = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CC", "LP_PHASE")
        }
        process = subprocess.run(
            argv,
            env={**environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if process.returncode:
        raise VmError(
            f"the module does not build for {kernel.release}:\n{process.stdout}",
            file=str(folder),
        )
    return BuiltModule(folder, process.stdout)


def _compiler(kernel: KernelHeaders) -> str:
    config = kernel.headers / ".config"
    return (
        compiler_of(config.read_text("utf-8", "replace")) if config.is_file() else compiler_of("")
    )


def _copy_changed(sources: Path, folder: Path) -> None:
    """Copy what differs, so that make sees new times for that alone; remove what is gone."""
    ignored = shutil.ignore_patterns(*_LEFT, ".*", "__pycache__")
    wanted = set()
    for path in sorted(sources.rglob("*")):
        relative = path.relative_to(sources)
        if any(ignored("", [part]) for part in relative.parts):
            continue
        target = folder / relative
        if path.is_dir():
            target.mkdir(exist_ok=True)
            continue
        wanted.add(relative)
        if not target.is_file() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
    for path in folder.rglob("*.[chS]"):
        if path.relative_to(folder) not in wanted and not path.name.endswith(".mod.c"):
            path.unlink()
