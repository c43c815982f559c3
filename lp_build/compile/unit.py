# SPDX-License-Identifier: GPL-2.0-only
"""What all phases do with a unit: its text is preprocessed and goes through the phase's pass; when
the real compile has succeeded, the plain object is kept and ours takes its place."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lp_build.compile.edited import Treated
from lp_build.compile.environment import Session
from lp_build.compile.invocation import Invocation
from lp_build.compile.target import foreign_reason
from lp_build.errors import LakePlacidError
from lp_build.files import digest_of, file_digest
from lp_build.model.language import standard_of
from lp_build.model.sites import Problem, UnitSites
from lp_build.processes import run_beside, run_quietly
from lp_build.store.capture import Unit, default_standard, save_unit, unit_id
from lp_build.store.problems import note, problem_of, renew
from lp_build.store.provenance import Origin, Store

# What a text that was preprocessed whole has not.
_DIRECTIVE = re.compile(
    rb"^[ \t]*#[ \t]*(?:define|undef|include|if|ifdef|ifndef|else|endif)\b", re.M
)
# The build may link such an object into a shared library by means that we don't see.
_WHERE_IT_GOES = (
    "-fPIC: only `lp build` knows that it goes into a program, and makes it Elite there"
)


@dataclass
class Job:
    """A source on its way through the passes, beside the real compile."""

    unit: Unit
    treatment: str = ""
    prepared: Path | None = None
    sites: UnitSites | None = None
    problems: tuple[Problem, ...] = ()


def unit_of(session: Session, invocation: Invocation, source: str, target: str) -> Unit:
    """A source of a command, to be compiled to `target`, relative to the current folder."""
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


def is_object(unit: Unit) -> bool:
    """Whether an output may be a file that we can look after (not /dev/null, not a pipe)."""
    return os.path.isfile(unit.object) or not os.path.exists(unit.object)


def prepared(session: Session, job: Job, invocation: Invocation) -> Job:
    """The job when our passes have been, or with what stood against that."""

    def act() -> Job:
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


def _leave_plain(job: Job, problem: Problem) -> None:
    job.problems = (*job.problems, problem)
    if not job.unit.text:
        # There is no text that `lp build` could go by either.
        job.unit = replace(job.unit, plain=problem.reason)


def guarded_finish(session: Session, job: Job) -> None:
    """What is left to do when the real compile has succeeded."""
    try:
        _finish(session, job)
    except (OSError, LakePlacidError) as error:
        problem = problem_of(error, job.unit.source)
        note(session.build, session.phase, job.unit.id, [problem])


def _prepare(session: Session, job: Job, invocation: Invocation) -> None:
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
    treated = _treat(session, unit)
    job.problems = treated.problems
    job.unit = replace(job.unit, elite=treated.elite)
    job.prepared = treated.object
    job.treatment = session.treatment if treated.object is not None else ""
    job.sites = treated.sites


def _treat(session: Session, unit: Unit) -> Treated:
    """Scout or specialise one unit. Raises LakePlacidError when it has to stay plain."""
    if session.phase == "scout":
        from lp_build.compile.scout import scout

        return scout(session, unit)
    if session.phase == "survey":
        from lp_build.compile.scout import survey

        return survey(session, unit)
    from lp_build.compile.specialize import current_manifest, specialize

    return specialize(session, unit, current_manifest(session.build), None)


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


def _finish(session: Session, job: Job) -> None:
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


def leave(session: Session, invocation: Invocation, reason: str) -> None:
    """Say why the C sources of a command stay plain, if it made anything."""
    for source in invocation.sources:
        target = invocation.output or os.path.basename(source.path)
        identity = unit_id(os.getcwd(), f"{target}:{source.path}")
        name = session.build.relative(source.path, os.getcwd())
        if invocation.output is None or os.path.isfile(invocation.output):
            problem = Problem(name, 1, reason)
            note(session.build, session.phase, identity, [problem], afresh=True)
