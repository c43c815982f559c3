# SPDX-License-Identifier: GPL-2.0-only
"""Archives that the kernel unpacks as its first file system (newc cpio; see initramfs in the
kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations

import stat

_MAGIC = b"070701"


class Cpio:
    """One archive in the making. Names have no leading slash; parents must be added first."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0

    def folder(self, name: str) -> None:
        """Add a folder."""
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file with permission bits `mode`."""
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def archive(self) -> bytes:
        """The whole; such archives may be put one behind another."""
        return b"".join([*self._parts, _entry("TRAILER!!!", 0, 0, b"")])

    def _add(self, name: str, mode: int, data: bytes) -> None:
        self._inode += 1
        self._parts.append(_entry(name, self._inode, mode, data))


def _entry(name: str, inode: int, mode: int, data: bytes) -> bytes:
    named = name.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (2), node's device (2), name's size, check
    numbers = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(named), 0)
    header = _MAGIC + b"".join(b"%08x" % number for number in numbers)
    return _padded(header + named) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
