# SPDX-License-Identifier: GPL-2.0-only
"""`lp load`, `lp unload` and `lp status`: the modules of a build in the running kernel."""

from __future__ import annotations

import argparse
import grp
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.kernel_module.build import DRIVER, modules_folder
from lp_build.kernel_module.source import module_name
from lp_build.layout import find_build_dir

DEVICE = Path("/dev/lakeplacid")
_LOADED = Path("/sys/module")


def make_load_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp load", description="Load the driver and the modules of this build's programs."
    )
    parser.add_argument("program", nargs="*", help="programs by name (default: all of this build)")
    parser.add_argument("--group", metavar="GROUP", help="who may use the driver, besides root")
    parser.add_argument("--stress", action="store_true", help="of the stress build")
    return parser


def load(argv: list[str]) -> int:
    """`lp load`: the driver, if it is not there, and the modules of this build's programs."""
    arguments = make_load_parser().parse_args(argv)
    home = _modules_home(arguments.stress)
    modules = _chosen(home, arguments.program)
    if not is_loaded(DRIVER):
        _insert(home / f"{DRIVER}.ko", _admitting(arguments.group))
    for module in modules:
        if is_loaded(module.stem):
            _run(["rmmod", module.stem], f"{module.stem} is loaded and can't be replaced")
        _insert(module, [])
    return 0


def make_unload_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp unload",
        description="Unload the modules of programs; the driver too, when none is left.",
    )
    parser.add_argument("program", nargs="*", help="programs by name (default: all that there are)")
    return parser


def unload(argv: list[str]) -> int:
    """`lp unload`: programs' modules, and the driver when none is left."""
    arguments = make_unload_parser().parse_args(argv)
    names = [module_name(Path(program).name) for program in arguments.program]
    for name in names or _holders():
        if not is_loaded(name):
            raise LakePlacidError(f"{name} is not loaded", remedy="`lp status` shows what is")
        _run(["rmmod", name], f"{name} can't be unloaded: a program is using it")
    if is_loaded(DRIVER) and not _holders():
        _run(["rmmod", DRIVER], "the driver can't be unloaded: a program is using it")
    return 0


def make_status_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp status", description="Show the driver, the programs it knows, and its counters."
    )
    parser.add_argument("program", nargs="*", help="only these programs, by name or path")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def status(argv: list[str]) -> int:
    """`lp status`: what is loaded, and what it has done. Raises LakePlacidError for a program that
    the driver does not know."""
    arguments = make_status_parser().parse_args(argv)
    state = read_status()
    if arguments.program:
        state["applications"] = _known(state, arguments.program)
    if arguments.json:
        print(json.dumps(state))
        return 0
    if not state["driver"]:
        print("the driver is not loaded (`lp load` does that)")
        return 0
    print(f"the driver is loaded, for {platform.release()}")
    for application in state["applications"]:
        counters = ", ".join(
            f"{value} {name}"
            for name, value in application.items()
            if name not in ("name", "build_id", "sessions")
        )
        print(
            f"  {application['name']} (build {application['build_id']}): "
            f"{application['sessions']} threads in it; {counters}"
        )
    return 0


def _known(state: dict[str, Any], programs: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these programs. Raises LakePlacidError for one without."""
    rows = {row["name"]: row for row in state["applications"]}
    wanted = [Path(program).name for program in programs]
    for name in wanted:
        if name not in rows:
            known = f"it knows {', '.join(rows)}" if rows else "it knows none"
            what = known if state["driver"] else "it is not loaded"
            raise LakePlacidError(
                f"the driver does not know `{name}`: {what}",
                remedy=f"`lp load {name}` in the program's project loads its module",
            )
    return [rows[name] for name in wanted]


def read_status() -> dict[str, Any]:
    """Whether the driver is loaded, and a row for each application that it knows. Raises
    LakePlacidError when the device can't be read."""
    if not is_loaded(DRIVER):
        return {"driver": False, "applications": []}
    try:
        text = DEVICE.read_text(encoding="utf-8")
    except PermissionError as error:
        raise LakePlacidError(
            "the driver's counters can't be read", file=str(DEVICE), remedy="be root"
        ) from error
    except OSError as error:
        raise LakePlacidError(
            f"the driver's counters can't be read: {error.strerror}", file=str(DEVICE)
        ) from error
    rows = [json.loads(line) for line in text.splitlines() if line]
    return {"driver": True, "applications": rows}


@contextmanager
def loaded(module: Path, group: str = "") -> Iterator[None]:
    """Have a module in the running kernel for a while. group: whom the driver is to admit besides
    root. Raises LakePlacidError when it can't be loaded, or not be unloaded."""
    _insert(module, _admitting(group))
    yield
    _run(["rmmod", module.stem], f"{module.stem} can't be unloaded")


def is_loaded(module: str) -> bool:
    """Whether the running kernel has a module."""
    return (_LOADED / module / "initstate").exists()


def _holders() -> list[str]:
    """The modules that stand on the driver."""
    folder = _LOADED / DRIVER / "holders"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _modules_home(stress: bool) -> Path:
    build = find_build_dir(Path.cwd(), os.environ)
    home = modules_folder(build, stress) / platform.release()
    if not (home / f"{DRIVER}.ko").is_file():
        raise LakePlacidError(
            f"there are no modules for this kernel, {platform.release()}",
            file=str(home),
            remedy=f"lp build --kernel {platform.release()}",
        )
    return home


def _chosen(home: Path, programs: Sequence[str]) -> list[Path]:
    if not programs:
        return sorted(home.glob("lp_*.ko"))
    modules = [home / f"{module_name(Path(program).name)}.ko" for program in programs]
    for module in modules:
        if not module.is_file():
            raise LakePlacidError("there is no such module", file=str(module))
    return modules


def _admitting(group: str | None) -> list[str]:
    """The driver's options for a group that may use it, besides root."""
    return [f"gid={_group_id(group)}"] if group else []


def _group_id(group: str) -> int:
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise LakePlacidError(f"there is no group {group}", remedy="groupadd makes one") from error


def _insert(module: Path, options: Sequence[str]) -> None:
    _run(["insmod", str(module), *options], f"{module.name} can't be loaded")


def _run(command: list[str], failure: str) -> None:
    tool = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if tool is None:
        raise LakePlacidError(f"there is no {command[0]} here", remedy="apt-get install kmod")
    done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()
        remedy = "be root" if "not permitted" in said else "dmesg may tell more"
        raise LakePlacidError(f"{failure}: {said}", remedy=remedy)
