# SPDX-License-Identifier: GPL-2.0-only
"""Where the templates, the C runtime and the kernel sources are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

from lp_build.errors import LakePlacidError


def resource_dir(kind: str) -> Path:
    """Return the folder of `kind` ("templates", "c_runtime" or "kernel").

    An installed package has it inside itself; a checkout (and an editable install) beside itself.
    Raises LakePlacidError when the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / kind, package.parent / kind):
        if candidate.is_dir():
            return candidate
    raise LakePlacidError(
        f"the installation lacks its {kind} folder",
        file=str(package),
        remedy="install LakePlacid again with `pip install .`",
    )
