# SPDX-License-Identifier: GPL-2.0-only
"""The demo's last step: the same server with its Elite code in the kernel, in a guest (`lp vm`).

`python -m lp_build.demo.kernel FOLDER PLAN` (JSON) is what the guest runs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lp_build.cache import cache_folder
from lp_build.demo.load import LoadResult, Mix, run_load
from lp_build.demo.server import start
from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import DRIVER, modules_folder
from lp_build.kernel_module.load import read_status
from lp_build.kernel_module.source import module_name
from lp_build.layout import BuildDir
from lp_build.vm.guest import GuestCommand, run_guest

_STATISTICS = "kernel-stats.json"


@dataclass(frozen=True)
class KernelRun:
    """What the guest told. counters: the driver's own, of this program; statistics: the runtime's
    (LP_STATS)."""

    release: str
    load: LoadResult
    statistics: Path
    counters: Mapping[str, int]


def run_in_guest(folder: Path, program: Path, series: str, mix: Mix, seed: int) -> KernelRun:
    """Boot a guest, run `program` there under load with its Elite code in the kernel. The modules
    have been built. Raises LakePlacidError when a step fails, a GuestFailure among them."""
    plan = json.dumps({"program": str(program), "mix": asdict(mix), "seed": seed})
    package = Path(__file__).resolve().parent.parent.parent
    result = run_guest(
        GuestCommand(
            argv=[sys.executable, "-m", "lp_build.demo.kernel", str(folder), plan],
            kernel=series,
            cwd=folder,
        ),
        cache_folder(os.environ),
        {**os.environ, "PYTHONPATH": str(package)},
    )
    if result.status:
        said = result.stderr.decode(errors="replace").strip().splitlines()[-5:]
        raise LakePlacidError("\n  ".join(["the demo failed in the guest", *said]))
    told = json.loads(result.stdout)
    return KernelRun(
        told["release"],
        LoadResult(**told["load"]),
        folder / _STATISTICS,
        {k: v for k, v in told["counters"].items() if isinstance(v, int)},
    )


def _insert(module: Path) -> None:
    subprocess.run(["insmod", str(module)], check=True)


def _in_guest(folder: Path, plan: dict[str, Any], requests: int) -> dict[str, Any]:
    program = Path(plan["program"])
    modules = modules_folder(BuildDir(folder), stress=False) / platform.release()
    name = module_name(program.name)
    _insert(modules / f"{DRIVER}.ko")
    _insert(modules / f"{name}.ko")
    settings = {"LP_ELITE": "kernel", "LP_STATS": str(folder / _STATISTICS)}
    with start(program, {**os.environ, **settings}) as server:
        load = run_load(server.port, requests, mix=Mix(**plan["mix"]), seed=plan["seed"])
        (counters,) = read_status()["applications"]
    for module in (name, DRIVER):
        subprocess.run(["rmmod", module], check=True)
    return {"release": platform.release(), "load": asdict(load), "counters": counters}


# Software emulation is some twenty times slower than the machine that it runs on.
REQUESTS = 3000

if __name__ == "__main__":
    print(json.dumps(_in_guest(Path(sys.argv[1]), json.loads(sys.argv[2]), REQUESTS)))
