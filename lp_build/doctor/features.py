# SPDX-License-Identifier: GPL-2.0-only
"""What each feature needs, and whether it is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from lp_build.doctor.machine import Machine, compile_problem, version_of
from lp_build.kernels.kbuild import compiler_of
from lp_build.kernels.versions import DEFAULT
from lp_build.vm.qemu import PROGRAM as QEMU
from lp_build.vm.share import CANDIDATES as VIRTIOFSD

OK, WORSE, MISSING = "ok", "worse", "missing"
_PYTHON = (3, 10)
_REINSTALL = "pip install ."


@dataclass(frozen=True)
class Need:
    """One thing that a feature needs.

    state: "ok"; "worse" (it works without, as `detail` says); "missing". packages: the Debian
    packages that bring it; remedy: what to do where no package does.
    """

    name: str
    state: str
    detail: str = ""
    packages: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class Feature:
    """Something that LakePlacid does. basic: without it there is nothing to begin with."""

    name: str
    what: str
    needs: tuple[Need, ...]
    basic: bool = False

    @property
    def works(self) -> bool:
        """Whether nothing is missing."""
        return all(need.state != MISSING for need in self.needs)

    @property
    def remedies(self) -> list[str]:
        """Commands, or advice, for what is missing or could be better."""
        lacking = [need for need in self.needs if need.state != OK]
        return remedies(lacking)


def remedies(needs: Iterable[Need]) -> list[str]:
    """One installing command for all packages, then what else there is to do."""
    listed = list(needs)
    packages = dict.fromkeys(package for need in listed for package in need.packages)
    found = [f"apt-get install {' '.join(packages)}"] if packages else []
    return [*found, *dict.fromkeys(need.remedy for need in listed if need.remedy)]


def examine(machine: Machine) -> list[Feature]:
    """All features, in the order in which a user comes to need them."""
    return [
        Feature("wrap", "build, scout, specialise and run in-process", _basics(machine), True),
        Feature("gcc", "builds with gcc", (_compiler(machine, "gcc"),)),
        Feature("clang", "builds with clang", (_compiler(machine, "clang"),)),
        Feature("demo", "`lp demo`", _programs(machine, {"make": "make", "gcc": "gcc"})),
        Feature(
            "launchers",
            "LP_LAUNCHER: compiler caches and farms (any one will do)",
            _any(machine, {"ccache": "ccache", "distcc": "distcc", "icecc": "icecc"}),
        ),
        Feature("modules", "`lp build --kernel`: Elite as kernel modules", _modules(machine)),
        Feature("kernel", "`lp load`: Elite in the running kernel", _kernel(machine)),
        Feature("vm", "`lp vm`: a stock kernel in QEMU", _virtual(machine)),
        Feature("bench", "`lp bench`", _bench(machine)),
        Feature("tests", "LakePlacid's own tests (`make test`)", _tests(machine)),
    ]


# -- one by one --------------------------------------------------------------------------------


def _missing(machine: Machine, name: str, detail: str, *packages: str, remedy: str = "") -> Need:
    """What a package would bring. packages: the first is the usual one, others have it elsewhere;
    one that this distribution has not is not proposed. remedy: what else there is to do."""
    usual = packages[0]
    known = next((p for p in (*packages[1:], usual) if machine.has_package(p)), None)
    if known is None and machine.has_package(usual) is False:
        nowhere = f"this distribution has no package {usual}: install {name} by other means"
        return Need(name, MISSING, detail, remedy=remedy or nowhere)
    return Need(name, MISSING, detail, (known or usual,), remedy)


def _program(machine: Machine, program: str, *packages: str) -> Need:
    found = machine.find(program)
    if found is None:
        return _missing(machine, program, "not found", *packages)
    return Need(program, OK, found)


def _programs(machine: Machine, wanted: dict[str, str]) -> tuple[Need, ...]:
    return tuple(_program(machine, program, package) for program, package in wanted.items())


def _any(machine: Machine, wanted: dict[str, str]) -> tuple[Need, ...]:
    """Alternatives: those that are there, else each as missing."""
    needs = _programs(machine, wanted)
    return tuple(need for need in needs if need.state == OK) or needs


def _compiler(machine: Machine, compiler: str) -> Need:
    if machine.find(compiler) is None:
        return _missing(machine, compiler, "not found", compiler)
    problem = compile_problem(machine, compiler)
    if problem:
        return Need(compiler, MISSING, f"it makes no programs: {problem}", ("libc6-dev",))
    return Need(compiler, OK, version_of(machine, compiler))


def _basics(machine: Machine) -> tuple[Need, ...]:
    needs = [_architecture(machine), _python(), *_python_packages(machine)]
    wish = os.environ.get("LP_CC", "").split()
    usable = [_compiler(machine, name) for name in (wish[-1:] or ("cc", "gcc", "clang"))]
    good = [need for need in usable if need.state == OK]
    if good:
        needs.append(Need("a C compiler", OK, f"{good[0].name}: {good[0].detail}"))
    else:
        there = [need for need in usable if machine.find(need.name)]
        detail = f"{there[0].name}: {there[0].detail}" if there else "none was found"
        needs.append(Need("a C compiler", MISSING, detail, ("gcc", "libc6-dev")))
    needs += _programs(machine, {"ar": "binutils", "ld": "binutils"})
    return tuple(needs)


def _architecture(machine: Machine) -> Need:
    if machine.architecture == "x86_64" and sys.platform == "linux":
        return Need("x86-64 Linux", OK)
    remedy = "use an x86-64 Linux machine, or a virtual one"
    return Need("x86-64 Linux", MISSING, f"this is {machine.architecture}", remedy=remedy)


def _python() -> Need:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _PYTHON:
        return Need("Python", OK, version)
    wanted = ".".join(map(str, _PYTHON))
    return Need("Python", MISSING, f"{version}; {wanted} or later is needed", ("python3",))


def _python_packages(machine: Machine) -> list[Need]:
    needed = ("clang", "compiledb", "bashlex", "SCons", "jinja2", "elftools", "pygments", "rich")
    lacking = [name for name in needed if not machine.has_module(name)]
    if lacking:
        detail = f"missing: {', '.join(lacking)}"
        return [Need("Python packages", MISSING, detail, remedy=_REINSTALL)]
    return [Need("Python packages", OK), _libclang()]


def _libclang() -> Need:
    from clang import cindex

    try:
        cindex.Index.create()
    except cindex.LibclangError as error:
        detail = str(error).splitlines()[0]
        remedy = "pip install --force-reinstall libclang"
        return Need("libclang", MISSING, detail, remedy=remedy)
    return Need("libclang", OK)


def _headers(machine: Machine) -> Need:
    folder = f"/lib/modules/{machine.release}/build"
    if machine.text(f"{folder}/include/config/kernel.release"):
        return Need("kernel headers", OK, folder)
    return _missing(
        machine,
        "kernel headers",
        f"none for the running kernel, {machine.release}",
        f"linux-headers-{machine.release}",
        remedy=f"for another kernel: `lp build --kernel {DEFAULT}` fetches Debian's headers itself",
    )


def _modules(machine: Machine) -> tuple[Need, ...]:
    compiler = compiler_of(machine.text(f"/lib/modules/{machine.release}/build/.config"))
    return (*_programs(machine, {"make": "make", compiler: compiler}), _headers(machine))


def _kernel(machine: Machine) -> tuple[Need, ...]:
    needs = [*_programs(machine, {"insmod": "kmod"}), _unsigned(machine), _administrator(machine)]
    loaded = machine.file("/sys/module/lakeplacid/initstate").exists()
    device = machine.file("/dev/lakeplacid")
    if not loaded:
        needs.append(Need("the driver", MISSING, "lakeplacid.ko is not loaded", remedy="lp load"))
    elif not device.exists():
        remedy = "mount devtmpfs at /dev, or in a container pass the device in"
        needs.append(Need("the driver", MISSING, "there is no /dev/lakeplacid", remedy=remedy))
    elif not os.access(device, os.R_OK | os.W_OK):
        remedy = "lp unload && lp load --group GROUP, a group that you are in"
        needs.append(Need("the driver", MISSING, "/dev/lakeplacid is not yours", remedy=remedy))
    else:
        needs.append(Need("the driver", OK, "loaded"))
    return tuple(needs)


def _administrator(machine: Machine) -> Need:
    if machine.administrator:
        return Need("root", OK)
    return Need("root", WORSE, "`lp load` needs it, running a server does not", remedy="sudo lp …")


def _unsigned(machine: Machine) -> Need:
    name = "unsigned modules"
    lockdown = machine.text("/sys/kernel/security/lockdown")
    if "[integrity]" in lockdown or "[confidentiality]" in lockdown:
        remedy = "turn Secure Boot off, or sign the modules with a key that is enrolled"
        return Need(name, MISSING, "the kernel is locked down", remedy=remedy)
    if machine.text("/sys/module/module/parameters/sig_enforce").strip() == "Y":
        return Need(
            name, MISSING, "module.sig_enforce is on", remedy="boot without module.sig_enforce=1"
        )
    if machine.text("/proc/sys/kernel/modules_disabled").strip() == "1":
        return Need(name, MISSING, "loading modules is turned off until a reboot", remedy="reboot")
    return Need(name, OK)


def _virtual(machine: Machine) -> tuple[Need, ...]:
    share = next(filter(None, (machine.find("virtiofsd"), *_there(machine, VIRTIOFSD))), None)
    flags = set(machine.text("/proc/cpuinfo").split())
    kvm = machine.file("/dev/kvm")
    if os.access(kvm, os.R_OK | os.W_OK) and flags & {"vmx", "svm"}:
        speed = Need("KVM", OK)
    elif kvm.exists() and flags & {"vmx", "svm"}:
        speed = Need("KVM", WORSE, "/dev/kvm is not yours", remedy="adduser $USER kvm")
    else:
        speed = Need("KVM", WORSE, "not here: QEMU emulates, which is slower")
    privileged = Need("root", OK)
    if not machine.administrator:
        detail = "sharing this machine's files with the guest needs it"
        privileged = Need("root", MISSING, detail, remedy="sudo lp vm …")
    return (
        _program(machine, QEMU, "qemu-system-x86"),
        Need("virtiofsd", OK, share)
        if share
        else _missing(machine, "virtiofsd", "not found", "qemu-system-common", "virtiofsd"),
        *_programs(machine, {"apt-get": "apt", "unshare": "util-linux"}),
        speed,
        privileged,
    )


def _there(machine: Machine, names: Iterable[str]) -> list[str]:
    return [name for name in names if os.access(machine.file(name), os.X_OK)]


def _bench(machine: Machine) -> tuple[Need, ...]:
    needs = _programs(machine, {"valgrind": "valgrind", "make": "make"})
    if machine.find("apt-get"):
        return needs
    detail = "memcached's source comes from Debian's archive"
    return (*needs, Need("apt-get", WORSE, detail, remedy="lp bench --quick"))


def _tests(machine: Machine) -> tuple[Need, ...]:
    wanted = {
        **dict.fromkeys(("gcc", "clang", "make", "shellcheck", "csmith", "valgrind"), ""),
        **{QEMU: "qemu-system-x86", "gcc-12": "", "libtool": "libtool-bin", "ccache": ""},
        **{"distcc": "", "cmake": "", "meson": "", "ninja": "ninja-build", "autoconf": ""},
        **{"automake": "", "chromium": "", "chromedriver": "chromium-driver"},
    }
    needs = _programs(machine, {program: package or program for program, package in wanted.items()})
    names = ("pytest", "ruff", "mypy", "selenium")
    tools = [name for name in names if not machine.has_module(name)]
    if tools:
        detail = f"missing: {', '.join(tools)}"
        remedy = 'pip install ".[test]"'
        return (*needs, Need("Python packages", MISSING, detail, remedy=remedy))
    return needs
