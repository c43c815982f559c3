# SPDX-License-Identifier: GPL-2.0-only
"""This machine's files for the guest, over virtiofs: all to read, the working tree to change.

virtiofsd serves one folder and can't mark parts of it read-only, so it runs in a mount namespace of
its own, on a copy of the mounts in which only the writable folders are writable: whatever a broken
kernel does, it can't touch the rest.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.kernels.errors import VmError

# Debian 12 has it with QEMU, later ones in a package of its own (outside of PATH, both).
CANDIDATES = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")
# File systems that can hold what the guest may need; what isn't here is the kernel's own.
STORAGE = frozenset(
    "ext2 ext3 ext4 xfs btrfs f2fs zfs overlay nfs nfs4 bcachefs erofs squashfs".split()
)


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo: where, and which kind of file system."""

    point: Path
    kind: str


def find_virtiofsd() -> str:
    """The virtiofsd to use. Raises VmError when there is none."""
    found = shutil.which("virtiofsd")
    for candidate in (found, *CANDIDATES):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise VmError(
        "virtiofsd is missing: it shares this machine's files with the guest",
        remedy="apt-get install virtiofsd, or on Debian 12: apt-get install qemu-system-common",
    )


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The mounts in the text of /proc/self/mountinfo, in order (see proc(5))."""
    mounts = []
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        point = fields.split(" ")[4].encode().decode("unicode_escape")
        mounts.append(Mount(Path(point), rest.split(" ")[0]))
    return mounts


def mount_script(shared: Path, mounts: Iterable[Mount], writable: Sequence[Path]) -> str:
    """Shell commands that lay out `shared` in a fresh mount namespace of root's."""
    lines = [f"mount --bind / {shlex.quote(str(shared))}", _read_only(shared)]
    for mount in mounts:
        holds_writable = any(path.is_relative_to(mount.point) for path in writable)
        if mount.point == Path("/") or not (mount.kind in STORAGE or holds_writable):
            continue
        if not mount.point.is_dir():
            continue  # a file of the container's, such as /etc/hosts
        lines += [_bind(mount.point, shared), _read_only(_below(shared, mount.point))]
    lines += [_bind(path, shared) for path in writable]
    return "\n".join(lines)


@contextmanager
def shared_files(run: Path, writable: Sequence[Path]) -> Iterator[Path]:
    """Serve this machine's files while the block runs; yields the socket for QEMU.

    run: a private folder for the socket and the mount point; writable: absolute folders.
    """
    program = find_virtiofsd()
    shared = run / "root"
    shared.mkdir()
    path = run / "virtiofs.sock"
    if os.geteuid() != 0:
        # In a user's own namespace the server may not open files as an overlay does (O_NOATIME).
        raise VmError("only root can share this machine's files", remedy="sudo lp vm …")
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    script = mount_script(shared, mounts, writable)
    with socket.socket(socket.AF_UNIX) as listener, open(run / "virtiofsd.log", "wb") as log:
        listener.bind(str(path))
        listener.listen(1)
        serve = shlex.join([program, *_options(program, shared, listener.fileno())])
        process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-euc",
                f"{script}\nexec {serve}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        listener.close()
        try:
            yield path
        finally:
            # It ends by itself when QEMU hangs up; this is for a QEMU that never came.
            process.terminate()
            process.wait()


def complaints(run: Path) -> str:
    """What the share's processes printed, for a guest that could not start."""
    log = run / "virtiofsd.log"
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


def _options(program: str, shared: Path, listener: int) -> list[str]:
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    common = [f"--fd={listener}"]
    if "--shared-dir" in shown.stdout:  # the one in Rust
        how = ("--sandbox", "chroot", "--cache", "auto", "--log-level", "error")
        return [*common, "--shared-dir", str(shared), *how]
    return [*common, "-o", f"source={shared},sandbox=chroot,cache=auto,log_level=err"]


def _below(shared: Path, path: Path) -> Path:
    return shared / path.relative_to("/")


def _bind(path: Path, shared: Path) -> str:
    return shlex.join(["mount", "--bind", str(path), str(_below(shared, path))])


def _read_only(path: Path) -> str:
    return shlex.join(["mount", "-o", "remount,bind,ro", str(path)])
