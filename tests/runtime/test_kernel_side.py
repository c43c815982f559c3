# SPDX-License-Identifier: GPL-2.0-only
"""LP_ELITE=kernel and auto as far as user space goes: a program without a driver, and with one that
turns it away. What there is of a driver is preloaded (apps/fake_device.c)."""

from __future__ import annotations

import errno
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Builder, Finished
from .fake_device import fake_device

Run = Callable[..., Finished]


def build_id_of(program: Path) -> str:
    """As the linker's note has it."""
    words = ["readelf", "--notes", str(program)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (found,) = re.findall(r"Build ID: (\w+)", said)
    return str(found)


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_device(tmp_path_factory.mktemp("fake"))


@pytest.fixture
def run(build: Builder, fake: Path, tmp_path: Path) -> Run:
    """run(place, attach=, open_=, words=, **environment): a program that makes requests; the fake's
    log is `log` in tmp_path."""

    def run_it(
        place: str,
        *,
        attach: int = 0,
        open_: int = 0,
        words: tuple[str, ...] = ("elite", "3", "2"),
        **environment: str,
    ) -> Finished:
        env = {
            "LP_ELITE": place,
            "LD_PRELOAD": str(fake),
            "FAKE_LOG": str(tmp_path / "log"),
            "FAKE_OPEN": str(open_),
            "FAKE_ATTACH": str(attach),
            **environment,
        }
        return build().run(*words, env=env)

    return run_it


def refused(done: Finished) -> str:
    """What a program that does not start says."""
    assert done.status not in (0, None) and not done.out
    assert done.err.startswith("lakeplacid: LP_ELITE=kernel: ")
    assert "\n  remedy: " in done.err
    return done.err


def in_user_space(done: Finished, place: str) -> None:
    """It ran its requests, in the Fallback."""
    assert (done.status, done.err) == (0, "")
    assert done.values["errors"] == 0
    assert done.stats["elite"] == place
    assert done.stats["finished_in_elite"] == 0


def test_auto_runs_plainly_without_a_device(run: Run) -> None:
    in_user_space(run("auto", open_=errno.ENOENT), "off")


@pytest.mark.parametrize("error", [errno.ENOENT, errno.ESTALE, errno.EOPNOTSUPP])
def test_auto_runs_plainly_without_a_module_that_matches(run: Run, error: int) -> None:
    in_user_space(run("auto", attach=error), "off")


def test_kernel_without_a_device_says_what_loads_it(run: Run) -> None:
    said = refused(run("kernel", open_=errno.ENOENT))
    assert "/dev/lakeplacid: No such file or directory" in said
    assert "lp load" in said


def test_kernel_without_permission_names_the_group(run: Run) -> None:
    said = refused(run("kernel", open_=errno.EACCES))
    assert "Permission denied" in said and "group" in said


def test_kernel_without_a_module_says_how_to_make_one(run: Run) -> None:
    said = refused(run("kernel", attach=errno.ENOENT))
    assert "no module for main is loaded" in said
    assert "lp build --kernel" in said and "lp load" in said


def test_module_of_another_build_is_refused_with_both_ids(run: Run, build: Builder) -> None:
    said = refused(run("kernel", attach=errno.ESTALE))
    ids = re.search(r"for main is of build (\w+), this is build (\w+)\n", said)
    assert ids is not None
    assert ids.groups() == ("ab" * 20, build_id_of(build().path))


def test_lass_is_refused_with_what_turns_it_off(run: Run) -> None:
    assert "lass=off" in refused(run("kernel", attach=errno.EOPNOTSUPP))


def test_program_is_known_by_its_name_and_build_id(
    run: Run, build: Builder, tmp_path: Path
) -> None:
    run("kernel")
    asked = (tmp_path / "log").read_text().splitlines()[0]
    assert asked == f"3 main {build_id_of(build().path)}"


def test_other_name_can_be_given(run: Run, tmp_path: Path) -> None:
    run("auto", LP_KERNEL_NAME="another")
    assert (tmp_path / "log").read_text().split()[1] == "another"


def test_name_that_no_module_can_have_is_refused(run: Run) -> None:
    said = refused(run("kernel", LP_KERNEL_NAME="n" * 32))
    assert "too long" in said


def test_program_without_a_build_id_is_refused(build: Builder) -> None:
    program = build(link=("-Wl,--build-id=none",))
    said = refused(program.run("elite", "1", "1", env={"LP_ELITE": "kernel"}))
    assert "no build id" in said
    in_user_space(program.run("elite", "1", "1", env={"LP_ELITE": "auto"}), "off")


def test_static_program_knows_its_build_id(build: Builder) -> None:
    program = build(link=("-static",))
    said = refused(program.run("elite", "1", "1", env={"LP_ELITE": "kernel"}))
    assert "/dev/lakeplacid" in said


def test_program_that_was_built_again_keeps_its_name(
    build: Builder, fake: Path, tmp_path: Path
) -> None:
    """Its file is another by then, and its own has none."""
    copy = tmp_path / "gone"
    copy.write_bytes(build().path.read_bytes())
    copy.chmod(0o755)
    log = tmp_path / "log"
    script = f"rm {copy}; exec /proc/self/fd/9 elite 1 1"
    subprocess.run(
        ["sh", "-c", f"exec 9<{copy}; {script}"],
        env={"LP_ELITE": "auto", "LD_PRELOAD": str(fake), "FAKE_LOG": str(log)},
        check=False,
    )
    assert log.read_text().split()[1] == "gone"


def test_thread_whose_e_cannot_be_made_stays_in_user_space(run: Run) -> None:
    """Here: the child that was to become E is none of the driver's, and ends."""
    done = run("kernel")
    in_user_space(done, "kernel")
    assert done.stats["shut_out"] == {"threads": 1, "why": "its other body could not be made"}


def test_thread_that_the_driver_turns_away_says_why(run: Run) -> None:
    """As where the program has given up root since it started."""
    done = run("kernel", FAKE_ATTACH_AGAIN=str(errno.EPERM))
    in_user_space(done, "kernel")
    why = "cannot attach to /dev/lakeplacid: Operation not permitted"
    assert done.stats["shut_out"] == {"threads": 1, "why": why}


def test_forked_children_of_such_a_thread_are_counted_too(run: Run) -> None:
    stats = run("kernel", words=("forks", "2")).stats
    assert stats["shut_out"]["threads"] == stats["processes"] == 3


def test_thread_tries_to_attach_once(run: Run, tmp_path: Path) -> None:
    """A thread that could not attach once does not try again."""
    in_user_space(run("kernel"), "kernel")
    assert len((tmp_path / "log").read_text().splitlines()) == 2  # to look, and to attach, once
