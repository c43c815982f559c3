# SPDX-License-Identifier: GPL-2.0-only
"""Stock Debian kernels (cloud flavour): image, modules and headers, fetched once and kept."""

from __future__ import annotations

import fcntl
import lzma
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.kernels.errors import VmError
from lp_build.kernels.packages import Packages
from lp_build.kernels.versions import SERIES, VERSIONS, version_of


@dataclass(frozen=True)
class Kernel:
    """One kernel in the cache. series: "6.1"; release: what its `uname -r` says; root: where its
    packages are unpacked."""

    series: str
    release: str
    root: Path

    @property
    def image(self) -> Path:
        """The compressed kernel."""
        return self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.root / "boot" / f"config-{self.release}"

    @property
    def modules(self) -> Path:
        """The folder of its own modules."""
        return self.root / "lib" / "modules" / self.release

    @property
    def headers(self) -> Path:
        """The folder to give to `make -C`."""
        return self.root / "usr" / "src" / f"linux-headers-{self.release}"

    def module_closure(self, names: tuple[str, ...]) -> list[Path]:
        """The files of modules `names` and of all that they need, in the order to load them.

        A name that the kernel has no file for is built in, or not there: the guest will tell.
        """
        files = {_module_name(path): path for path in self.modules.rglob("*.ko*")}
        order: list[Path] = []

        def visit(name: str) -> None:
            path = files.get(name.replace("-", "_"))
            if path is None or path in order:
                return
            for needed in _module_needs(read_module(path)):
                visit(needed)
            order.append(path)

        for name in names:
            visit(name)
        return order


def read_module(path: Path) -> bytes:
    """The module's ELF file, whether the package has it compressed or not."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def find_kernel(series: str, cache: Path) -> Kernel:
    """The kernel of `series`, out of the cache or the archive.

    cache: the cache folder; kernels are kept in `cache/kernels/SERIES`. To have a newer one,
    delete that folder. Raises VmError when it can't be fetched.
    """
    if series not in SERIES:
        raise VmError(f"no kernel `{series}`", remedy=f"choose one of {', '.join(SERIES)}")
    home = cache / "kernels"
    root = home / series
    if not root.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with locked(home / "lock"):
            if not root.is_dir():  # another process may have fetched it meanwhile
                _fetch(series, home, root)
    images = [path.name for path in (root / "boot").glob("vmlinuz-*")]
    if len(images) != 1:
        raise VmError("this kernel is incomplete", file=str(root), remedy="delete this folder")
    return Kernel(series, images[0].removeprefix("vmlinuz-"), root)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, against other processes."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(series: str, home: Path, root: Path) -> None:
    """Fetch and unpack, in one step: a folder that exists is complete."""
    packages = Packages(home / "apt")
    packages.refresh()
    elsewhere = [v for v in VERSIONS if v.where != VERSIONS[0].where]
    remedy = "; ".join(f"{v.series} for {VERSIONS[0].where} is in {v.where}" for v in elsewhere)
    image = packages.newest(version_of(series).image_pattern, remedy)
    headers = image.replace("linux-image-", "linux-headers-")
    parts = ("linux-headers-", "linux-kbuild-")
    needed = [name for name in packages.dependencies(headers) if name.startswith(parts)]
    with tempfile.TemporaryDirectory(dir=home, prefix="unpack-") as temporary:
        unpacked = Path(temporary) / "root"
        packages.unpack([image, headers, *needed], unpacked)
        _relocate(unpacked, root)
        unpacked.rename(root)
    # The indexes have served; the next fetch wants fresh ones.
    shutil.rmtree(home / "apt")


def _relocate(unpacked: Path, root: Path) -> None:
    """Make the headers usable at `root`: their makefiles include by absolute path."""
    for makefile in (unpacked / "usr" / "src").glob("linux-headers-*/Makefile"):
        text = makefile.read_text()
        if text.startswith("include /usr/src/"):
            makefile.write_text(text.replace("/usr/src/", f"{root}/usr/src/", 1))


def _module_name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _module_needs(elf: bytes) -> list[str]:
    match = re.search(rb"\0depends=([^\0]*)\0", elf)
    return match.group(1).decode().split(",") if match and match.group(1) else []
