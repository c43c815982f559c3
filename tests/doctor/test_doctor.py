# SPDX-License-Identifier: GPL-2.0-only
"""`lp doctor` on machines of which each lacks something; their programs are stubs on a PATH."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lp_build.doctor.command import main
from lp_build.doctor.machine import Machine

WORKS = "#!/bin/sh\necho 'stub 1.0'\n"
BROKEN = "#!/bin/sh\necho 'try.c:1:10: fatal error: pthread.h: not there' >&2\nexit 1\n"
BASICS = ("cc", "ar", "ld")


@pytest.fixture(autouse=True)
def no_choice_of_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own environment names no compiler."""
    monkeypatch.delenv("LP_CC", raising=False)


def a_machine(folder: Path, *programs: str, administrator: bool = True) -> Machine:
    """A machine that has these programs, and nothing else."""
    path = folder / "bin"
    path.mkdir(exist_ok=True)
    for program in programs:
        add(folder, program, WORKS)
    return Machine(str(path), folder, "6.1.0-test", "x86_64", administrator)


def add(folder: Path, program: str, script: str) -> None:
    stub = folder / "bin" / program
    stub.write_text(script)
    stub.chmod(0o755)


def put(folder: Path, name: str, text: str = "") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_a_machine_with_a_compiler_and_binutils_is_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], a_machine(tmp_path, *BASICS)) == 0
    assert "Ready" in capsys.readouterr().out


def test_it_names_the_licence_of_what_gets_into_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], a_machine(tmp_path, *BASICS))
    assert "the runtime, which gets into your program, is GPL-2.0-only WITH GCC-exc" in (
        capsys.readouterr().out
    )


def test_without_a_compiler_it_fails_and_says_what_installs_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], a_machine(tmp_path, "ar", "ld")) == 1
    assert "First: apt-get install gcc libc6-dev" in capsys.readouterr().out


def test_a_compiler_without_headers_is_found_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_machine(tmp_path, *BASICS)
    add(tmp_path, "cc", BROKEN)
    assert main([], machine) == 1
    shown = capsys.readouterr().out
    assert "pthread.h: not there" in shown
    assert "libc6-dev" in shown


def test_another_processor_is_no_machine_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = a_machine(tmp_path, *BASICS).path
    assert main([], Machine(path, tmp_path, "6.1", "aarch64", True)) == 1
    assert "this is aarch64" in capsys.readouterr().out


def of(features: list[dict[str, object]], name: str) -> dict[str, object]:
    return next(feature for feature in features if feature["name"] == name)


def looked_at(machine: Machine, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    main(["--json"], machine)
    features: list[dict[str, object]] = json.loads(capsys.readouterr().out)["features"]
    return features


@pytest.mark.parametrize(
    ("feature", "present", "package"),
    [
        ("clang", (), "clang"),
        ("demo", ("gcc",), "make"),
        ("launchers", (), "ccache distcc icecc"),
        ("modules", ("make",), "gcc-12 linux-headers-6.1.0-test"),
        ("kernel", (), "kmod"),
        ("vm", ("apt-get", "unshare"), "qemu-system-x86 qemu-system-common"),
        ("bench", ("make", "apt-get"), "valgrind"),
    ],
)
def test_what_a_feature_lacks_is_one_command_away(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    feature: str,
    present: tuple[str, ...],
    package: str,
) -> None:
    found = of(looked_at(a_machine(tmp_path, *BASICS, *present), capsys), feature)
    assert found["works"] is False
    remedies = found["remedies"]
    assert isinstance(remedies, list)
    assert remedies[0] == f"apt-get install {package}"


def test_the_tests_need_csmith_among_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = of(looked_at(a_machine(tmp_path, *BASICS), capsys), "tests")
    assert "csmith" in str(found["remedies"])


def test_one_launcher_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = looked_at(a_machine(tmp_path, *BASICS, "distcc"), capsys)
    assert of(features, "launchers")["works"] is True


def test_headers_of_the_running_kernel_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_machine(tmp_path, *BASICS, "make", "gcc-12")
    put(tmp_path, "lib/modules/6.1.0-test/build/include/config/kernel.release", "6.1.0-test\n")
    assert of(looked_at(machine, capsys), "modules")["works"] is True


def test_the_driver_has_to_be_loaded_and_its_device_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_machine(tmp_path, *BASICS, "insmod")
    assert "lp load" in str(of(looked_at(machine, capsys), "kernel")["remedies"])
    put(tmp_path, "sys/module/lakeplacid/initstate", "live\n")
    assert "no /dev/lakeplacid" in str(of(looked_at(machine, capsys), "kernel")["needs"])
    put(tmp_path, "dev/lakeplacid")
    assert of(looked_at(machine, capsys), "kernel")["works"] is True


def test_a_kernel_that_is_locked_down_takes_no_modules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = a_machine(tmp_path, *BASICS, "insmod")
    put(tmp_path, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    assert "Secure Boot" in str(of(looked_at(machine, capsys), "kernel")["remedies"])


def test_without_kvm_the_virtual_machine_works_but_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = ("qemu-system-x86_64", "virtiofsd", "apt-get", "unshare")
    found = of(looked_at(a_machine(tmp_path, *BASICS, *programs), capsys), "vm")
    assert found["works"] is True
    assert "slower" in str(found["needs"])


def test_asked_for_a_feature_it_fails_where_that_lacks_something(tmp_path: Path) -> None:
    machine = a_machine(tmp_path, *BASICS)
    assert main(["wrap"], machine) == 0
    assert main(["bench"], machine) == 1


def test_quiet_says_nothing_when_the_basics_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quiet"], a_machine(tmp_path, *BASICS)) == 0
    assert capsys.readouterr().out == ""


def test_this_machine_runs_the_tests_so_it_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert shutil.which("gcc")
    assert main(["--verbose"]) == 0
    assert "Ready" in capsys.readouterr().out


APT = """#!/bin/sh
case $2 in
%s) printf '%%s:\\n  Installed: (none)\\n  Candidate: 1.0\\n' "$2" ;;
esac
"""


def test_a_package_that_the_distribution_has_not_is_not_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a compiler, nor headers of a kernel that is nobody's package."""
    machine = a_machine(tmp_path, *BASICS, "make")
    put(tmp_path, "var/lib/apt/lists/main_Packages")
    put(tmp_path, "lib/modules/6.1.0-test/build/.config", 'CONFIG_CC_VERSION_TEXT="gcc-99 1"\n')
    add(tmp_path, "apt-cache", APT % "make")
    assert main(["modules"], machine) == 1
    shown = capsys.readouterr().out
    assert "apt-get" not in shown
    assert "no package gcc-99" in shown
    assert "lp build --kernel 6.1" in shown


def test_the_package_that_this_distribution_has_is_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """virtiofsd is in a package of its own since Debian 13."""
    machine = a_machine(tmp_path, *BASICS)
    put(tmp_path, "var/lib/apt/lists/main_Packages")
    add(tmp_path, "apt-cache", APT % "virtiofsd|qemu-system-common|qemu-system-x86")
    main(["vm"], machine)
    assert "apt-get install qemu-system-x86 virtiofsd" in capsys.readouterr().out


def test_without_lists_of_packages_the_usual_ones_are_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """apt-cache knows nothing before the first apt-get update."""
    machine = a_machine(tmp_path, *BASICS, "make")
    add(tmp_path, "apt-cache", APT % "nothing")
    main(["modules"], machine)
    assert "apt-get install gcc-12 linux-headers-6.1.0-test" in capsys.readouterr().out


def test_modules_are_built_by_their_kernels_compiler(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its configuration has it."""
    machine = a_machine(tmp_path, *BASICS, "make")
    text = 'CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0"\n'
    put(tmp_path, "lib/modules/6.1.0-test/build/.config", text)
    main(["modules"], machine)
    assert "gcc-14: not found" in capsys.readouterr().out
