# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages, fetched and unpacked without installing anything.

apt reads this machine's own configuration, so that the mirror, the proxy and the keys are those
that the machine uses; its state and cache are private, so that no root is needed and nothing of
the machine's changes. The machine's own indexes may be old and name packages that are gone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cmp_to_key
from pathlib import Path

from lp_build.kernels.errors import VmError

_REMEDY = "check the network and the machine's apt sources (`apt-get update`)"


class Packages:
    """The archive, as this machine's apt configuration names it; private state lies in `home`."""

    def __init__(self, home: Path) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise VmError(
                "apt-get and dpkg are missing: kernels come as Debian packages",
                remedy="run this on Debian, or fill the cache folder on one and copy it",
            )
        for folder in ("lists/partial", "archives/partial"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        settings = {
            "Dir::State": home,
            "Dir::State::Lists": home / "lists",
            "Dir::State::Status": home / "status",
            "Dir::Cache": home,
            "Dir::Cache::Archives": home / "archives",
            # Without this, root's apt fetches as user _apt, who can't write to our folders.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        self._options = [w for key, value in settings.items() for w in ("-o", f"{key}={value}")]
        self._home = home
        self._complaint = ""

    def refresh(self) -> None:
        """Fetch the indexes. An index of a third party that can't be had is no error here: what
        is missing will be missed by name, with apt's complaint."""
        process = self._run("apt-get", "-q", "update")
        self._complaint = _complaints(process.stderr)

    def newest(self, pattern: str, remedy: str) -> str:
        """The package with the highest version among those whose whole names match `pattern`
        (an extended regular expression). Raises VmError when there is none: `remedy` is what else
        there is to look for."""
        found = self._run("apt-cache", "search", "--names-only", f"^{pattern}$").stdout
        names = [line.split(" ", 1)[0] for line in found.splitlines()]
        versions = {name: self._field(name, "Version") for name in names}
        if not versions:
            raise VmError(
                f"the archive has no package `{pattern}`{self._complaint}",
                file="/etc/apt/sources.list",
                remedy=f"{_REMEDY}; {remedy}",
            )
        by_version = cmp_to_key(_compare)
        return max(versions, key=lambda name: by_version(versions[name]))

    def dependencies(self, package: str) -> list[str]:
        """The names that `package` depends on, first alternatives only."""
        listed = self._field(package, "Depends")
        first = (part.split("|")[0].strip() for part in listed.split(","))
        return [re.split(r"[\s(:]", part)[0] for part in first if part]

    def unpack(self, names: Sequence[str], target: Path) -> None:
        """Fetch the packages and unpack their files below `target`."""
        fetched = self._home / "archives"
        process = self._run("apt-get", "-q", "download", *names, folder=fetched)
        if process.returncode:
            raise VmError(
                f"cannot fetch {', '.join(names)}{_complaints(process.stderr)}", remedy=_REMEDY
            )
        for name in names:
            for archive in fetched.glob(f"{name}_*.deb"):
                unpacked = self._run("dpkg", "-x", str(archive), str(target), options=False)
                if unpacked.returncode:
                    raise VmError(f"cannot unpack: {unpacked.stderr}", file=str(archive))
                archive.unlink()

    def _field(self, package: str, field: str) -> str:
        shown = self._run("apt-cache", "show", "--no-all-versions", package).stdout
        match = re.search(rf"^{field}: (.*)$", shown, re.M)
        return match.group(1) if match else ""

    def _run(
        self, tool: str, *arguments: str, folder: Path | None = None, options: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tool, *(self._options if options else ()), *arguments],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def complaints(stderr: str) -> list[str]:
    """The errors and warnings among what apt printed."""
    return [line for line in stderr.splitlines() if line.startswith(("E:", "W:"))]


def _complaints(stderr: str) -> str:
    return "".join(f"\n  {line}" for line in complaints(stderr))


def _compare(a: str, b: str) -> int:
    """Negative, zero or positive, as Debian orders the versions."""
    for relation, sign in (("lt", -1), ("gt", 1)):
        compared = subprocess.run(["dpkg", "--compare-versions", a, relation, b], check=False)
        if compared.returncode == 0:
            return sign
    return 0
