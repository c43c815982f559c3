# SPDX-License-Identifier: GPL-2.0-only
"""`lp cc`: one compiler command in a phase.

The user's own command always runs, as it is: its diagnostics, status, outputs and dependency files
are the real ones. Beside it, each C source that our passes can treat goes through them; when both
have succeeded, our object takes the place of the plain one, which is kept. Whatever goes wrong in
our part, the plain object stands, and the report says why.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lp_build.compile.environment import Session, current_session, real_compiler
from lp_build.compile.invocation import C_LANGUAGES, Invocation, parse_invocation
from lp_build.errors import LakePlacidError
from lp_build.files import digest_of, file_digest
from lp_build.model.language import standard_of
from lp_build.model.sites import Problem, UnitSites
from lp_build.processes import (
    Visible,
    exit_status,
    is_lost,
    passing_signals,
    run,
    run_beside,
    run_quietly,
)
from lp_build.store.capture import Unit, default_standard, save_unit, unit_id
from lp_build.store.problems import note, problem_of, renew
from lp_build.store.provenance import Origin, Store
from lp_build.wrapper.target import foreign_reason

if TYPE_CHECKING:
    from lp_build.compile.link import LinkCommand


def main(argv: list[str]) -> int:
    """One compiler command; the real compiler's exit status. Raises LakePlacidError for an unknown
    phase."""
    if is_lost():
        return exit_status(run([*real_compiler(os.environ).split(), *argv]))
    session = current_session()
    name = os.path.basename(session.compiler_words[-1])
    invocation = parse_invocation(argv, cplusplus="++" in name)
    if invocation.stage == "link":
        status = _link(session, invocation)
    elif invocation.stage == "object" and not invocation.unusual:
        status = _compile(session, invocation)
    else:
        status = run([*session.compiler_words, *argv])
        if status == 0 and invocation.stage in _MADE:
            _leave(session, invocation, invocation.unusual or _MADE[invocation.stage])
    return exit_status(status)


# What a text that was preprocessed whole has not.
_DIRECTIVE = re.compile(
    rb"^[ \t]*#[ \t]*(?:define|undef|include|if|ifdef|ifndef|else|endif)\b", re.M
)
# Stages that leave code, and why it stays plain where no pass of ours has been.
_MADE = {
    "object": "",
    "assembly": "-S: what is made of its assembly later stays as the compiler wrote it",
}


def _leave(session: Session, invocation: Invocation, reason: str) -> None:
    """Say why the C sources of a command stay plain, if it made anything."""
    for source in invocation.sources:
        target = invocation.output or os.path.basename(source.path)
        identity = unit_id(os.getcwd(), f"{target}:{source.path}")
        name = session.build.relative(source.path, os.getcwd())
        if invocation.output is None or os.path.isfile(invocation.output):
            problem = Problem(name, 1, reason)
            note(session.build, session.phase, identity, [problem], afresh=True)


@dataclass
class _Job:
    """A source on its way through the passes, beside the real compile."""

    unit: Unit
    treatment: str = ""
    prepared: Path | None = None
    sites: UnitSites | None = None
    problems: tuple[Problem, ...] = ()


def _compile(session: Session, invocation: Invocation) -> int:
    jobs = [
        _Job(_unit(session, invocation, source.path, invocation.object_for(source.path)))
        for source in invocation.sources
    ]
    visible = Visible([*session.compile_words, *invocation.argv])
    with passing_signals(visible):
        ours = [_prepared(session, job, invocation) for job in jobs if _is_object(job.unit)]
        status = visible.wait()
    if status == 0:
        for job in ours:
            _guarded_finish(session, job)
    return status


def _is_object(unit: Unit) -> bool:
    """Whether an output may be a file that we can look after (not /dev/null, not a pipe)."""
    return os.path.isfile(unit.object) or not os.path.exists(unit.object)


def _unit(session: Session, invocation: Invocation, source: str, target: str) -> Unit:
    cwd = os.getcwd()
    return Unit(
        id=unit_id(cwd, target),
        cwd=cwd,
        source=source,
        object=os.path.normpath(os.path.join(cwd, target)),
        compiler=session.compiler,
        argv=invocation.argv,
        flags=tuple(invocation.edited_flags()),
        debug=invocation.debug,
        coverage=invocation.coverage,
        plain=foreign_reason(session.compiler) or invocation.plain,
    )


# The build may link such an object into a shared library by means that we don't see.
_WHERE_IT_GOES = (
    "-fPIC: only `lp build` knows that it goes into a program, and makes it Elite there"
)


def _prepared(session: Session, job: _Job, invocation: Invocation) -> _Job:
    """The job when our passes have been, or with what stood against that."""

    def act() -> _Job:
        try:
            _prepare(session, job, invocation)
        except Exception as error:
            # A defect of ours, too, leaves the plain object, and shows in the report.
            _leave_plain(job, problem_of(error, job.unit.source))
        return job

    try:
        return run_beside(act)
    except (OSError, LakePlacidError) as error:
        _leave_plain(job, problem_of(error, job.unit.source))
        return job


def _leave_plain(job: _Job, problem: Problem) -> None:
    job.problems = (*job.problems, problem)
    if not job.unit.text:
        # There is no text that `lp build` could go by either.
        job.unit = replace(job.unit, plain=problem.reason)


def _guarded_finish(session: Session, job: _Job) -> None:
    """What is left to do when the real compile has succeeded."""
    try:
        _finish(session, job)
    except (OSError, LakePlacidError) as error:
        problem = problem_of(error, job.unit.source)
        note(session.build, session.phase, job.unit.id, [problem])


def _prepare(session: Session, job: _Job, invocation: Invocation) -> None:
    build, unit = session.build, job.unit
    unit.folder(build).mkdir(parents=True, exist_ok=True)
    if unit.plain:
        job.problems = (Problem(_name(session, unit), 1, unit.plain),)
        return
    preprocess(session.compiler_words, invocation, unit, unit.preprocessed(build))
    standard = "" if standard_of(unit.flags) else default_standard(build, unit.compiler)
    unit = replace(unit, text=file_digest(unit.preprocessed(build)), standard=standard)
    job.unit = unit
    if session.phase == "capture":
        return
    if session.phase == "specialize" and invocation.position_independent:
        job.problems = (Problem(_name(session, unit), 1, _WHERE_IT_GOES),)
        return
    from lp_build.compile.treat import treat

    treated = treat(session, unit)
    job.problems = treated.problems
    job.unit = replace(job.unit, elite=treated.elite)
    job.prepared = treated.object
    job.treatment = session.treatment if treated.object is not None else ""
    job.sites = treated.sites


def _name(session: Session, unit: Unit) -> str:
    return session.build.relative(unit.source, unit.cwd)


def preprocess(compiler: Sequence[str], invocation: Invocation, unit: Unit, target: Path) -> None:
    """Write the unit's preprocessed text; what there is to say about it, the real compile says."""
    if any(i.path == unit.source and i.language == "cpp-output" for i in invocation.inputs):
        text = Path(unit.source).read_bytes()
        if _DIRECTIVE.search(text):
            raise LakePlacidError(
                "it is not preprocessed whole: there are directives in it (-fdirectives-only?)",
                file=unit.source,
                remedy="it is compiled plainly; let -E expand macros too",
            )
        target.write_bytes(text)
        return
    command = [*compiler, *invocation.preprocess_flags(), "-w", "-E"]
    command += ["-x", "c", unit.source, "-o", str(target)]
    done = run_quietly(command)
    if done.status != 0:
        raise LakePlacidError(
            f"it cannot be preprocessed alone: {done.output.strip()[-400:]}",
            file=unit.source,
            remedy="it is compiled plainly",
        )


def _finish(session: Session, job: _Job) -> None:
    """The plain object is there: keep it, and put ours in its place."""
    build, unit = session.build, job.unit
    target = Path(unit.object)
    if not target.is_file():
        return
    renew(build, session.phase, unit.id, job.problems, unit.text)
    data = target.read_bytes()
    shutil.copyfile(target, unit.plain_object(build))
    store = Store(build)
    store.record(digest_of(data), Origin("unit", unit.id, unit.object))
    if job.prepared is not None:
        ours = job.prepared.read_bytes()
        origin = Origin("unit", unit.id, unit.object, job.treatment)
        store.record(digest_of(ours), origin)
        target.write_bytes(ours)
    save_unit(build, unit, job.sites)


def _link(session: Session, invocation: Invocation) -> int:
    """Link, sources compiled on the way where the command names any."""
    from lp_build.compile.link import driver_command, link

    command = driver_command(session, invocation)
    if not invocation.sources:
        return link(session, command)
    if reason := invocation.unusual or _apart(command, invocation):
        status = link(session, command)
        if status == 0:
            _leave(session, invocation, reason)
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
        job = _Job(_unit(session, part, source.path, str(target)))
        _guarded_finish(session, _prepared(session, job, part))
        objects[source.path] = str(target)
    return objects
