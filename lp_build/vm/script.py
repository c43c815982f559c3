# SPDX-License-Identifier: GPL-2.0-only
"""A Python script in a guest: it is given a plan and tells what it found, both as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lp_build.kernels.errors import VmError
from lp_build.vm.guest import GuestCommand, run_guest


def run_script(
    script: Path,
    plan: Any,
    cache: Path,
    environ: Mapping[str, str],
    *,
    kernel: str,
    folder: Path,
    timeout: float,
    show: Callable[[str], None],
    memory: int = 1024,
) -> list[Any]:
    """Run `script` in a guest, by this Python; return the JSON values that it prints, one a line.

    plan: anything that JSON can hold; the script finds it in the file that its argument names.
    folder: where the script is run, the one that it may write to. show: called with what it says on
    standard error, as it comes. memory: MiB. Raises VmError as
    run_guest does, and when the script fails.
    """
    path = folder / f"{script.stem}.plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    command = GuestCommand(
        argv=[sys.executable, str(script.absolute()), str(path)],
        kernel=kernel,
        timeout=timeout,
        cwd=folder,
        writable=(folder,),
        memory=memory,
    )

    def told(number: int, data: bytes) -> None:
        if number == 2:
            show(data.decode(errors="replace"))

    result = run_guest(command, cache, environ, told)
    if result.status:
        said = result.stderr.decode(errors="replace").strip().splitlines()[-20:]
        raise VmError(
            "\n  ".join([f"in the guest, {script.name} ended with status {result.status}:", *said]),
            remedy=f"lp vm --kernel {kernel} {' '.join(command.argv)}",
        )
    return [json.loads(line) for line in result.stdout.splitlines()]
