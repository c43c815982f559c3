"""Links: an executable gets the phase's runtime, and in the specialize phase a fixed address."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.layout import BuildDir
from lp_build.wrapper.capture import record_step
from lp_build.wrapper.environment import Session
from lp_build.wrapper.files import file_digest
from lp_build.wrapper.invocation import Invocation
from lp_build.wrapper.runtime import elite_archive, heap_archive, scout_archive

_SYSTEM = ("-lpthread", "-ldl")
# A program at a fixed address below 1 GB: Elite's code may reach its data from anywhere.
_FIXED = {"-pie": "-no-pie", "--pie": "-no-pie", "-static-pie": "-static"}


def link(session: Session, invocation: Invocation, argv: list[str]) -> int:
    """Run a link command with what the phase adds; the linker's exit status."""
    inputs = [_input(word) for word in _linked(invocation)]
    if invocation.relocatable or invocation.no_library or session.phase == "capture":
        status = _run([session.compiler, *argv])
    elif session.phase == "scout":
        archive = scout_archive(session.build, session.compiler)
        status = _run([session.compiler, *argv, str(archive), *_SYSTEM])
    else:
        config = session.config()
        command = [session.compiler, *argv]
        output = Path(invocation.output or "a.out")
        status = link_elite(session.build, config, command, output, session.stress)
    if status == 0:
        output_path = os.path.abspath(invocation.output or "a.out")
        kind = "relocatable" if invocation.relocatable else "link"
        record_step(
            session.build,
            kind,
            [session.compiler, *invocation.words],
            inputs=inputs,
            output=output_path,
        )
    return status


def link_elite(
    build: BuildDir, config: Config, command: Sequence[str], output: Path, stress: bool
) -> int:
    """Link an executable for Elite; `command` is the plain link, compiler first.

    The heap replaces the library's only in a program that has Elite code: a first link shows.
    """
    compiler = command[0]
    words = [_FIXED.get(word, word) for word in command]
    words = [word for word in words if word not in ("-fPIE", "-fpie")]
    tail = [str(elite_archive(build, config, compiler, stress=stress)), *_SYSTEM]
    status = _run([*words, "-no-pie", *tail])
    if status == 0 and config.allocator == "lakeplacid" and is_elite(output):
        heap = str(heap_archive(build, compiler))
        status = _run([*words, "-no-pie", tail[0], heap, *_SYSTEM])
    return status


def is_elite(program: Path) -> bool:
    """Whether a linked program holds Elite code."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as handle:
            return ELFFile(handle).get_section_by_name("lp_elite_text") is not None
    except (OSError, ELFError) as error:
        raise LakePlacidError(f"cannot read what was linked: {error}", file=str(program)) from error


def _linked(invocation: Invocation) -> list[str]:
    return [i.path for i in invocation.inputs if i.language == "link"]


def _input(path: str) -> dict[str, str]:
    """An input of a link or archive step: objects are known again by content."""
    full = os.path.abspath(path)
    digest = (
        file_digest(Path(full)) if path.endswith((".o", ".lo")) and os.path.isfile(full) else ""
    )
    return {"path": full, "digest": digest}


def _run(command: Sequence[str]) -> int:
    status = subprocess.run(command, check=False).returncode
    return 128 - status if status < 0 else status
