# SPDX-License-Identifier: GPL-2.0-only
"""Links that compile sources on the way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lp_build.compile.environment import Session
from lp_build.compile.invocation import C_LANGUAGES, Invocation, parse_invocation
from lp_build.compile.link import LinkCommand, driver_command, link
from lp_build.compile.unit import Job, guarded_finish, leave, prepared, unit_of
from lp_build.processes import run_quietly
from lp_build.store.capture import unit_id


def link_sources(session: Session, invocation: Invocation) -> int:
    """Link, sources compiled on the way where the command names any."""
    command = driver_command(session, invocation)
    if not invocation.sources:
        return link(session, command)
    if reason := invocation.unusual or _apart(command, invocation):
        status = link(session, command)
        if status == 0:
            leave(session, invocation, reason)
        return status
    # First what was asked for, plainly: diagnostics, dependency files, and the program.
    status = link(session, replace(command, program=False))
    objects = _compile_parts(session, invocation) if status == 0 else None
    if objects is None:
        return status
    words = [
        objects[group.input.path] if group.input and group.input.path in objects else word
        for group in invocation.groups
        if group.kind != "language"
        for word in group.words
    ]
    link(session, replace(driver_command(session, parse_invocation(words)), ran=True))
    return 0


def _apart(command: LinkCommand, invocation: Invocation) -> str:
    """Why the sources of a command that links can't be compiled each by itself; "" if they can."""
    if not command.program:
        return "it is compiled and linked in one command, to what is no program of its own"
    named = any(group.kind == "language" for group in invocation.groups)
    if named and not {i.language for i in invocation.inputs} <= {*C_LANGUAGES, "link"}:
        return "-x: it is compiled in one command with sources of other languages"
    return ""


def _compile_parts(session: Session, invocation: Invocation) -> dict[str, str] | None:
    """Objects for the sources of a command that compiles and links, as a command of its own for
    each would have made them; None where one can't be made."""
    objects: dict[str, str] = {}
    folder = session.build.path / "objects"
    for source in invocation.sources:
        name = f"{os.path.abspath(invocation.output or 'a.out')}:{source.path}"
        target = folder / f"{unit_id(os.getcwd(), name)}-{Path(source.path).stem}.o"
        flags = invocation.object_flags()
        words = [*flags, "-c", "-x", source.language, source.path, "-o", str(target)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        if run_quietly([*session.compile_words, *words, "-w"]).status != 0:
            return None
        part = parse_invocation(words)
        job = Job(unit_of(session, part, source.path, str(target)))
        guarded_finish(session, prepared(session, job, part))
        objects[source.path] = str(target)
    return objects
