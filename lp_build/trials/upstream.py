# SPDX-License-Identifier: GPL-2.0-only
"""Upstream sources of real servers, from the archive that the machine's own apt trusts.

The machine's apt configuration is read (which mirror, which release) but never changed: source
indexes, state and cache are private, below the cache folder. apt verifies signatures and
checksums; a checksum pinned by the caller is verified as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lp_build.cache import cache_folder
from lp_build.errors import LakePlacidError
from lp_build.kernels.packages import complaints

KEYRINGS = Path("/usr/share/keyrings")
_INDEX_IS_FRESH = 3600  # seconds
INDEX_FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"


@dataclass(frozen=True)
class Source:
    """One upstream release.

    package: the source package's name. version: upstream's version (without Debian's revision).
    sha256: of the tarball, as lower-case hexadecimal; empty: what apt verified is enough.
    """

    package: str
    version: str
    sha256: str = ""

    @property
    def label(self) -> str:
        """`package-version`, which names the folder that it is unpacked to."""
        return f"{self.package}-{self.version}"


@dataclass(frozen=True)
class Mirror:
    """Where the machine's apt gets its main archive: the mirror's address and the release."""

    uri: str
    release: str
    keyring: Path | None

    @property
    def entry(self) -> str:
        """The line of sources.list for this mirror's source packages."""
        options = f" [signed-by={self.keyring}]" if self.keyring else ""
        return f"deb-src{options} {self.uri} {self.release} main\n"


def fetch(source: Source, cache: Path) -> Path:
    """Return the folder with the unpacked, pristine sources; copy it before you build in it.

    cache: the cache folder; sources are kept in `cache/sources`. What is there is not fetched
    again. Raises LakePlacidError when the archive can't be reached, has another version, or gives
    a file with another checksum.
    """
    home = cache / "sources"
    unpacked = home / source.label
    if unpacked.is_dir():
        return unpacked
    archives = home / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    with _locked(home / "lock"):
        if unpacked.is_dir():  # another process fetched it while we waited for the lock
            return unpacked
        tarball = _kept_tarball(source, archives)
        if tarball is None:
            _download(source, archives, home / "apt")
            tarball = _kept_tarball(source, archives)
        if tarball is None:
            raise LakePlacidError(
                f"apt fetched no upstream tarball of {source.label}",
                file=str(archives),
                remedy=f"put {source.package}_{source.version}.orig.tar.* there by hand",
            )
        _check(source, tarball)
        _unpack(tarball, unpacked)
    return unpacked


def copy_tree(source: Path, target: Path) -> Path:
    """Copy pristine sources to `target`, times kept: makefiles compare those of generated files
    with those of their inputs."""
    return Path(shutil.copytree(source, target, symlinks=True))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept_tarball(source: Source, archives: Path) -> Path | None:
    # An asc file of upstream's signature may lie beside the tarball.
    found = [
        path
        for path in sorted(archives.glob(f"{source.package}_{source.version}.orig.tar.*"))
        if path.suffix != ".asc"
    ]
    return found[0] if found else None


def _check(source: Source, tarball: Path) -> None:
    if not source.sha256:
        return
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise LakePlacidError(
            f"checksum mismatch: SHA-256 is {digest}, expected {source.sha256}",
            file=str(tarball),
            remedy="delete this file and try again; if that repeats, distrust the mirror",
        )


def _unpack(tarball: Path, target: Path) -> None:
    """Unpack to `target` in one step: a folder that exists is complete."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unpack-") as temporary:
        try:
            with tarfile.open(tarball) as archive:
                # The filter came with 3.10.12 and 3.11.4; apt has verified what we unpack.
                if hasattr(tarfile, "data_filter"):
                    archive.extractall(temporary, filter="data")
                else:
                    archive.extractall(temporary)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise LakePlacidError(
                f"cannot unpack: {error}",
                file=str(tarball),
                remedy="delete this file and try again",
            ) from error
        tops = list(Path(temporary).iterdir())
        top = tops[0] if len(tops) == 1 and tops[0].is_dir() else Path(temporary)
        # TemporaryDirectory's own folder is private (0700); a server that drops root must read it.
        top.chmod(0o755)
        top.rename(target)
        if top == Path(temporary):
            top.mkdir()


def newest(package: str, cache: Path) -> Source:
    """The release of `package` that the machine's archive has, as its index says today. Raises
    LakePlacidError when there is none, or the archive can't be reached."""
    home = cache / "sources"
    archives = home / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    with _locked(home / "lock"):
        mirror = _mirror()
        options = _private_apt(mirror, home / "apt")
        _update(mirror, options, home / "apt", archives)
        version = _listed_version(mirror, options, package, archives)
    return Source(package, version)


def _update(mirror: Mirror, options: Sequence[str], private: Path, folder: Path) -> None:
    """Fetch the index, unless that was done within the hour."""
    stamp = private / "updated"
    if (
        stamp.exists()
        and time.time() - stamp.stat().st_mtime < _INDEX_IS_FRESH
        and stamp.read_text(encoding="utf-8") == mirror.entry
    ):
        return
    _apt([*options, "update"], folder, f"the source index of {mirror.uri} cannot be fetched")
    stamp.write_text(mirror.entry, encoding="utf-8")


def _listed_version(mirror: Mirror, options: Sequence[str], package: str, folder: Path) -> str:
    listed = _apt(
        [*options, "source", "--print-uris", "--tar-only", package],
        folder,
        f"{mirror.uri} ({mirror.release}) has no source package `{package}`",
    )
    return _upstream_version(listed, package)


def _download(source: Source, archives: Path, private: Path) -> None:
    """Let apt fetch the tarball of `source` to `archives`, with all its state below `private`."""
    mirror = _mirror()
    options = _private_apt(mirror, private)
    _update(mirror, options, private, archives)
    version = _listed_version(mirror, options, source.package, archives)
    if version != source.version:
        raise LakePlacidError(
            f"{mirror.uri} ({mirror.release}) has {source.package} {version}, "
            f"this recipe is for {source.version}",
            file=str(archives),
            remedy=f"put {source.package}_{source.version}.orig.tar.* there by hand",
        )
    _apt(
        [*options, "source", "--download-only", "--tar-only", source.package],
        archives,
        f"the upstream tarball of {source.label} cannot be fetched",
    )


def _upstream_version(listed: str, package: str) -> str:
    """The version in the tarball's name, out of what `apt-get source --print-uris` printed."""
    match = re.search(rf"{re.escape(package)}_([^\s'/]+)\.orig\.tar\.[a-z0-9]+", listed)
    return unquote(match.group(1)) if match else "in no upstream tarball"


def _mirror() -> Mirror:
    """The main archive in the machine's apt configuration."""
    if shutil.which("apt-get") is None:
        raise LakePlacidError(
            "apt-get is missing: upstream sources come from Debian's archive",
            remedy="run this on Debian, or put the .orig tarballs in the cache folder by hand",
        )
    release = platform.freedesktop_os_release()
    codename = release.get("VERSION_CODENAME", "")
    listed = _apt(
        ["indextargets", "--format", INDEX_FORMAT, "Created-By: Packages"],
        Path("/"),
        "apt cannot tell its sources",
    )
    entries = [line.split("|") for line in listed.splitlines() if line.count("|") == 2]
    for uri, suite, component in entries:
        if suite == codename and component == "main":
            return Mirror(uri, suite, _keyring(release.get("ID", "debian")))
    raise LakePlacidError(
        f"apt has no source for `{codename} main`",
        file="/etc/apt/sources.list",
        remedy="add Debian's archive to the machine's apt sources",
    )


def _keyring(distribution: str) -> Path | None:
    """The distribution's archive keys, if they lie where its keyring package puts them; else apt
    uses all the keys that the machine trusts."""
    for suffix in ("pgp", "gpg"):
        keyring = KEYRINGS / f"{distribution}-archive-keyring.{suffix}"
        if keyring.is_file():
            return keyring
    return None


def _private_apt(mirror: Mirror, private: Path) -> list[str]:
    """Lay out apt's own folders below `private`; return the options that make apt use them."""
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (private / folder).mkdir(parents=True, exist_ok=True)
    (private / "sources.list").write_text(mirror.entry, encoding="utf-8")
    (private / "status").touch()
    settings = {
        "Dir::Etc::SourceList": private / "sources.list",
        "Dir::Etc::SourceParts": private / "parts",
        "Dir::State": private,
        "Dir::State::Lists": private / "lists",
        "Dir::State::Status": private / "status",
        "Dir::Cache": private / "cache",
        # Without this, root's apt fetches as user _apt, who can't write to our folders.
        "APT::Sandbox::User": "root",
        # An index that can't be fetched is an error, not a warning.
        "APT::Update::Error-Mode": "any",
        "Acquire::Retries": "2",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _apt(arguments: Sequence[str], folder: Path, failure: str) -> str:
    """Run apt-get in `folder` and return its output. Raises LakePlacidError(failure)."""
    process = subprocess.run(
        ["apt-get", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode == 0:
        return process.stdout
    detail = "\n  ".join(complaints(process.stderr) or process.stderr.splitlines()[-3:])
    raise LakePlacidError(
        f"{failure}:\n  {detail}",
        remedy="check the network and the machine's apt sources (`apt-get update`)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m lp_build.trials.upstream PACKAGE VERSION`: fetch, and print where it lies."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 2:
        print("usage: python -m lp_build.trials.upstream PACKAGE VERSION", file=sys.stderr)
        return 2
    try:
        print(fetch(Source(*arguments), cache_folder(os.environ)))
    except LakePlacidError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
