# SPDX-License-Identifier: GPL-2.0-only
"""Build an application's module, and the driver it stands on, for a kernel."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.payload import read_payload
from lp_build.kernel_module.source import module_name, write_sources
from lp_build.kernels.find import find_kernel
from lp_build.kernels.kbuild import build_module
from lp_build.kernels.versions import SERIES
from lp_build.layout import BuildDir
from lp_build.resources import resource_dir

DRIVER = "lakeplacid"
_TEXT_SECTION = ".lp_elite"
# Of one length, so that one can take the other's place.
_TABLE_SECTION, _EXCEPTION_TABLE = b"lp_extable\0", b"__ex_table\0"
# What the module looks at before it registers: templates/module_glue.c.j2.
_UNFINISHED, _FINISHED = b"lakeplacid: finished: 0\0", b"lakeplacid: finished: 1\0"
# Elf64_Shdr: sh_name and sh_type come before sh_flags.
_FLAGS_OFFSET = 8


@dataclass(frozen=True)
class Headers:
    """What modules are built against. release: as `uname -r` says; headers: for `make -C`."""

    release: str
    headers: Path


@dataclass(frozen=True)
class Modules:
    """Built modules: the driver's and the application's."""

    release: str
    driver: Path
    application: Path


def modules_folder(build: BuildDir, stress: bool) -> Path:
    """Where modules of a build are kept, below the release of their kernel."""
    return build.path / "stress" / "modules" if stress else build.path / "modules"


def find_headers(kernel: str, cache: Path) -> Headers:
    """The headers that `kernel` names: a folder that can be built in, as
    /lib/modules/RELEASE/build; a RELEASE that is installed here; or a series of Debian's that is
    fetched (one of SERIES). Raises LakePlacidError when there are none."""
    if kernel in SERIES:
        found = find_kernel(kernel, cache)
        return Headers(found.release, found.headers)
    folder = Path(kernel)
    if "/" not in kernel:
        folder = Path("/lib/modules") / kernel / "build"
    release = folder / "include" / "config" / "kernel.release"
    if not release.is_file():
        raise LakePlacidError(
            f"there are no kernel headers in {folder}",
            remedy=f"install them (apt-get install linux-headers-{Path(kernel).name}), or name one "
            f"of {', '.join(SERIES)}, which are fetched",
        )
    return Headers(release.read_text(encoding="ascii").strip(), folder.resolve())


def build_modules(program: Path, headers: Headers, folder: Path) -> Modules:
    """Build the driver and the module of `program`, below `folder`, for one kernel.

    What has not changed is not built again. Raises LakePlacidError as read_payload does, and with
    make's output when something does not build.
    """
    payload = read_payload(program)
    home = folder / headers.release
    driver = build_module(resource_dir("kernel"), headers, home / "driver")
    name = module_name(payload.name)
    sources = home / f"{name}.src"
    write_sources(payload, sources)
    for header in ("elite.h", "lakeplacid.h", "uapi/lakeplacid.h", "uapi/lp_abi.h"):
        target = sources / "driver" / header
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(resource_dir("kernel") / header, target)
    built = build_module(sources, headers, home / f"{name}.build", symbols=[driver.symbols])
    application = home / f"{name}.ko"
    _make_executable(built.module(name), application)
    shutil.copyfile(driver.module(DRIVER), home / f"{DRIVER}.ko")
    return Modules(headers.release, home / f"{DRIVER}.ko", application)


def _make_executable(module: Path, target: Path) -> None:
    """Copy a module, its Elite text executable and its exception table under the name by which the
    kernel knows it (see templates/module_elite.S.j2)."""
    data = bytearray(module.read_bytes())
    with module.open("rb") as file:
        elf = ELFFile(file)
        index = elf.get_section_index(_TEXT_SECTION)
        if index is None:
            raise LakePlacidError("the module has no Elite text", file=str(module))
        at = elf["e_shoff"] + index * elf["e_shentsize"] + _FLAGS_OFFSET
        flags = elf.get_section(index)["sh_flags"] | SH_FLAGS.SHF_EXECINSTR
        names = elf.get_section(elf["e_shstrndx"])
        begin, end = names["sh_offset"], names["sh_offset"] + names["sh_size"]
    data[at : at + 8] = struct.pack("<Q", flags)
    data[begin:end] = data[begin:end].replace(_TABLE_SECTION, _EXCEPTION_TABLE)
    if data.count(_UNFINISHED) != 1:
        raise LakePlacidError("the module does not say whether it is finished", file=str(module))
    data = data.replace(_UNFINISHED, _FINISHED)
    fresh = target.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(target)
