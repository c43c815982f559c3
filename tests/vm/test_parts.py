# SPDX-License-Identifier: GPL-2.0-only
"""The parts of `lp vm` that need no guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.kernels.versions import DEFAULT
from lp_build.vm.command import main
from lp_build.vm.console import find_failure
from lp_build.vm.cpio import Cpio
from lp_build.vm.errors import (
    GuestFailure,
    GuestHung,
    GuestOopsed,
    GuestPanicked,
    GuestWarned,
    VmError,
)
from lp_build.vm.guest import guest_environment, working_tree
from lp_build.vm.qemu import choose_accelerator, find_qemu, kernel_arguments
from lp_build.vm.share import Mount, mount_script, parse_mounts


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("[    3.8] Kernel panic - not syncing: sysrq triggered crash", GuestPanicked),
        ("[    3.8] WARNING: CPU: 1 PID: 74 at x.c:9 f+0x1/0x2 [m]", GuestWarned),
        ("[    3.8] BUG: kernel NULL pointer dereference, address: 0", GuestOopsed),
        ("[    3.8] Oops: 0002 [#1] PREEMPT SMP NOPTI", GuestOopsed),
        ("[    3.8] BUG kmalloc-64 (Tainted: G  O): Right Redzone overwritten", GuestOopsed),
        ("[    3.8] BUG: Bad page state in process x", GuestOopsed),
        ("[    3.8] divide error: 0000 [#1] PREEMPT SMP NOPTI", GuestOopsed),
        ("[    3.8] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [x:1]", GuestHung),
        ("[    3.8] INFO: task x:1 blocked for more than 60 seconds.", GuestHung),
        ("[    3.8] rcu: INFO: rcu_preempt self-detected stall on CPU", GuestHung),
    ],
)
def test_each_sign_of_trouble_is_known(line: str, kind: type[GuestFailure]) -> None:
    found = find_failure(f"[    0.0] Linux version 6.1\n{line}\n[    4.0] Kernel panic - too\n")
    assert found is not None
    assert found.kind is kind


def test_an_ordinary_boot_has_no_sign_of_trouble() -> None:
    console = """[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled
        [    0.2] DEBUG: nothing
        [    0.3] [Firmware Bug]: TSC not synchronous to P0"""
    assert find_failure(console) is None


def test_the_first_sign_counts() -> None:
    found = find_failure(
        "WARNING: CPU: 0 PID: 1 at a.c:1 f\nKernel panic - not syncing: kernel: panic_on_warn set"
    )
    assert found is not None and found.kind is GuestWarned


def test_archives_hold_their_entries_where_the_kernel_looks() -> None:
    archive = Cpio()
    archive.folder("d")
    archive.file("d/f", b"text", 0o755)
    archive.link("l", "d/f")
    data = archive.archive()
    # An entry is a header of 110 characters, the name, the contents, each filled up to 4 bytes.
    names = [
        data[at + 110 : data.index(b"\0", at)]
        for at in range(0, len(data), 4)
        if data[at : at + 6] == b"070701"
    ]
    assert names == [b"d", b"d/f", b"l", b"TRAILER!!!"]
    # Magic, then inode and mode, eight hexadecimal digits each.
    file_at = data.index(b"d/f\0") - 110
    assert int(data[file_at + 14 : file_at + 22], 16) == 0o100755
    assert data[file_at + 116 : file_at + 120] == b"text"


def test_mounts_are_read_with_their_escapes() -> None:
    line = r"36 27 254:1 / /mnt/a\040b rw,relatime shared:1 - ext4 /dev/vdb rw"
    assert parse_mounts(line) == [Mount(Path("/mnt/a b"), "ext4")]


def test_only_the_writable_folders_are_not_remounted(tmp_path: Path) -> None:
    disk, memory = tmp_path / "disk", tmp_path / "memory"
    for folder in (disk, memory):
        folder.mkdir()
    mounts = [Mount(Path("/"), "ext4"), Mount(disk, "xfs"), Mount(memory, "tmpfs")]
    script = mount_script(Path("/shared"), mounts, [disk / "tree"]).splitlines()
    assert script == [
        "mount --bind / /shared",
        "mount -o remount,bind,ro /shared",
        f"mount --bind {disk} /shared{disk}",
        f"mount -o remount,bind,ro /shared{disk}",
        f"mount --bind {disk}/tree /shared{disk}/tree",
    ]


def test_kvm_without_hardware_support_is_not_used(tmp_path: Path) -> None:
    device, cpuinfo = tmp_path / "kvm", tmp_path / "cpuinfo"
    device.touch()
    cpuinfo.write_text("flags : fpu smap\n")
    assert choose_accelerator("auto", device, cpuinfo) == "tcg"
    cpuinfo.write_text("flags : fpu svm smap\n")
    assert choose_accelerator("auto", device, cpuinfo) == "kvm"
    assert choose_accelerator("auto", tmp_path / "none", cpuinfo) == "tcg"
    assert choose_accelerator("kvm", tmp_path / "none", cpuinfo) == "kvm"


def test_what_the_user_appends_comes_last() -> None:
    assert kernel_arguments("pti=on  panic=0").endswith(" pti=on panic=0")


def test_a_missing_qemu_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VmError, match="apt-get install qemu-system-x86"):
        find_qemu()


def test_the_working_tree_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "project" / ".git").mkdir(parents=True)
    (tmp_path / "project" / "src").mkdir()
    assert working_tree(tmp_path / "project" / "src") == tmp_path / "project"
    assert working_tree(tmp_path) == tmp_path


def test_the_guests_environment_holds_what_the_program_reads() -> None:
    passed = guest_environment({"PATH": "/bin", "LP_ELITE": "off", "HOME": "/h", "SECRET": "x"})
    assert passed["PATH"] == "/bin:/run/lakeplacid/bin"
    assert passed["LP_ELITE"] == "off" and passed["HOME"] == "/root" and "SECRET" not in passed


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--kernel", DEFAULT])
    assert caught.value.code == 2
    assert "no command" in capsys.readouterr().err
