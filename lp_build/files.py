# SPDX-License-Identifier: GPL-2.0-only
"""Small file operations that stay whole under `make -j`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def append_json(path: Path, record: Mapping[str, Any]) -> None:
    """Append one line to a journal."""
    line = (json.dumps(record, sort_keys=True) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(line)


def read_json_lines(path: Path, start: int = 0) -> list[dict[str, Any]]:
    """All lines of a journal from byte `start` on; none if there is no journal. Raises
    LakePlacidError for a line that isn't JSON."""
    try:
        text = path.read_bytes()[start:].decode()
    except FileNotFoundError:
        return []
    out: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            out.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise LakePlacidError(
                f"damaged journal: {error}",
                file=str(path),
                line=number,
                remedy="remove .lp/ and build again with lp-wrap",
            ) from error
    return out


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file so that no reader ever sees half of it. mode: permissions, else the umask's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        if mode is None:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def digest_of(data: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    return digest_of(path.read_bytes())


def files_below(root: Path, left_out: Callable[[str], bool]) -> Iterator[Path]:
    """All files below `root`, by name, but for those in folders that are `left_out` by their names.
    What is no file, such as a FIFO, is none: opening one would wait for somebody else."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not left_out(name))
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                yield path
