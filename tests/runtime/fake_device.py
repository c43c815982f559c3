# SPDX-License-Identifier: GPL-2.0-only
"""What there is of a driver for programs to be preloaded with (apps/fake_device.c)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lp_build.resources import resource_dir

SOURCE = Path(__file__).parent / "apps" / "fake_device.c"


def fake_device(folder: Path) -> Path:
    """Make it in `folder`."""
    target = folder / "fake_device.so"
    include = f"-I{resource_dir('kernel') / 'uapi'}"
    words = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", include]
    subprocess.run([*words, str(SOURCE), "-o", str(target), "-ldl"], check=True)
    return target
