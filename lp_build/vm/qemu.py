# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lp_build.kernels.errors import VmError

PROGRAM = "qemu-system-x86_64"
ACCELERATORS = ("auto", "kvm", "tcg")

# What makes every failure of the kernel end the guest at once, and be seen on the console.
STRICT = (
    "panic=-1",  # reset at once, which ends QEMU
    "oops=panic",
    "panic_on_warn=1",
    "softlockup_panic=1",
    "hung_task_panic=1",
    "sysctl.kernel.hung_task_timeout_secs=60",
)
# All that a kernel says but its debugging; a warning's report is lost at the usual "quiet".
CONSOLE = ("console=ttyS0", "loglevel=6")
# Emulation makes the timer's self-test fail now and then; QEMU's random numbers are good enough.
QUIRKS = ("no_timer_check", "random.trust_cpu=on")


@dataclass(frozen=True)
class Machine:
    """The virtual machine. memory in MiB; accelerator: "kvm" or "tcg"; icount: its clock
    goes by instructions, one a nanosecond (with "tcg")."""

    cpus: int
    memory: int
    accelerator: str
    icount: bool = False


@dataclass(frozen=True)
class Wiring:
    """Where the guest is connected: files and file descriptors of this machine.

    console: the file that takes the kernel's messages; share: virtiofsd's socket; port: the
    descriptor of a connected socket, for the result.
    """

    console: Path
    share: Path
    port: int


def find_qemu() -> str:
    """QEMU's path. Raises VmError when it is missing."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise VmError(f"{PROGRAM} is missing", remedy="apt-get install qemu-system-x86")
    return found


def choose_accelerator(
    wish: str, device: Path = Path("/dev/kvm"), cpuinfo: Path = Path("/proc/cpuinfo")
) -> str:
    """ "kvm" or "tcg" for the user's wish ("auto" too).

    A /dev/kvm without the processor's own virtualization (para-virtual nesting) boots no stock
    kernel, so "auto" wants both.
    """
    if wish != "auto":
        return wish
    flags = set(cpuinfo.read_text(encoding="utf-8").split()) if cpuinfo.is_file() else set()
    return "kvm" if os.access(device, os.R_OK | os.W_OK) and flags & {"vmx", "svm"} else "tcg"


def kernel_arguments(append: str) -> str:
    """The kernel's command line; what the user appends wins over ours."""
    return " ".join((*CONSOLE, *STRICT, *QUIRKS, *append.split()))


def command_line(
    program: str, machine: Machine, wiring: Wiring, image: Path, initrd: Path, append: str
) -> list[str]:
    """QEMU's argv."""
    if machine.accelerator == "kvm":
        processor = ["-accel", "kvm", "-cpu", "host"]
    elif machine.icount:
        processor = ["-accel", "tcg,thread=single", "-cpu", "max,la57=off", "-icount", "shift=0"]
    else:
        # One thread a CPU, so that races are real; "max" has SMAP and SMEP. Without la57 its page
        # tables have four levels, as those of most machines.
        processor = ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    return [
        program,
        # Nothing that we didn't ask for; a reset ends QEMU.
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *processor,
        *("-smp", str(machine.cpus)),
        # vhost-user devices reach the guest's memory through a descriptor.
        *("-m", f"{machine.memory}M", "-machine", "pc,memory-backend=ram"),
        *("-object", f"memory-backend-memfd,id=ram,size={machine.memory}M,share=on"),
        *("-kernel", str(image), "-initrd", str(initrd), "-append", kernel_arguments(append)),
        # A serial port needs no module and works in a panic.
        *("-chardev", f"file,id=console,path={wiring.console}", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=share,path={wiring.share}"),
        *("-device", "vhost-user-fs-pci,chardev=share,tag=host"),
        *("-chardev", f"socket,id=port,fd={wiring.port}"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,nr=1"),
    ]
