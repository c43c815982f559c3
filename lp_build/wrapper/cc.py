"""`lp cc`: one compiler command in a phase.

The user's own command always runs first, as it is: its diagnostics, status, outputs and dependency
files are the real ones. Then each C object that our passes can treat is replaced by ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lp_build.errors import LakePlacidError
from lp_build.wrapper.capture import Unit, record_step, report, save_unit, unit_id
from lp_build.wrapper.environment import Session, current_session
from lp_build.wrapper.files import file_digest
from lp_build.wrapper.invocation import Input, Invocation, parse_invocation
from lp_build.wrapper.link import link
from lp_build.wrapper.treat import treat


def run(command: Sequence[str]) -> int:
    """Run a command with our standard streams; its exit status, 128 + n for signal n."""
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        print(f"lp-cc: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    return 128 - status if status < 0 else status


def main(argv: list[str]) -> int:
    """One compiler command; the real compiler's exit status."""
    session = current_session()
    invocation = parse_invocation(argv)
    if invocation.stage == "object":
        return _compile(session, invocation)
    if invocation.stage == "link" and not invocation.shared:
        return _link(session, invocation)
    return run([session.compiler, *argv])


def _compile(session: Session, invocation: Invocation) -> int:
    status = run([session.compiler, *invocation.argv])
    if status == 0:
        for source in invocation.sources:
            _replace_object(session, invocation, source, invocation.object_for(source.path))
    return status


def _replace_object(
    session: Session, invocation: Invocation, source: Input, target: str
) -> Unit | None:
    """Capture a unit whose plain object stands at `target`, and put ours in its place."""
    if target == os.devnull or not Path(target).is_file():
        return None
    unit = Unit(
        id=unit_id(os.getcwd(), target),
        cwd=os.getcwd(),
        source=source.path,
        object=os.path.abspath(target),
        compiler=session.compiler,
        argv=invocation.argv,
        flags=tuple(invocation.compile_flags()),
        plain=invocation.plain,
    )
    try:
        unit = _capture(session, invocation, unit, target)
    except Exception as error:
        # Whatever goes wrong in our passes, the plain object stands: a build never fails by us.
        _note(session, unit, error)
    return unit


def _capture(session: Session, invocation: Invocation, unit: Unit, target: str) -> Unit:
    folder = unit.folder(session.build)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(target, unit.plain_object(session.build))
    unit = replace(unit, digests=(file_digest(Path(target)),))
    sites = None
    if unit.plain:
        report(session.build, session.phase, unit.source, 1, unit.plain)
    else:
        preprocess(session.compiler, invocation, unit, unit.preprocessed(session.build))
        if session.phase != "capture":
            treated = treat(session, unit)
            sites = treated.sites
            if treated.object is not None:
                shutil.copyfile(treated.object, target)
                unit = replace(unit, digests=(*unit.digests, file_digest(Path(target))))
    save_unit(session.build, unit, sites)
    return unit


def preprocess(compiler: str, invocation: Invocation, unit: Unit, target: Path) -> None:
    """Write the unit's preprocessed text. Its diagnostics were given by the real compile."""
    # -U: a macro that gcc sets for optimisation stays; only our own output file differs.
    command = [compiler, *invocation.preprocess_flags(), "-E", unit.source, "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LakePlacidError(
            f"it cannot be preprocessed alone: {done.stderr.strip()[-400:]}",
            file=unit.source,
            remedy="it is compiled plainly",
        )


def _note(session: Session, unit: Unit, error: Exception) -> None:
    """A unit that our passes can't handle is compiled plainly, and reported."""
    where = error.file if isinstance(error, LakePlacidError) and error.file else unit.source
    line = error.line if isinstance(error, LakePlacidError) and error.line else 1
    reason = error.message if isinstance(error, LakePlacidError) else repr(error)
    try:
        report(session.build, session.phase, where, line, reason)
    except OSError as failure:
        print(f"lp-cc: warning: {session.build.path}: {failure.strerror}", file=sys.stderr)
    print(f"lp-cc: note: {where}:{line}: compiled plainly: {reason}", file=sys.stderr)


def _link(session: Session, invocation: Invocation) -> int:
    """Link, sources compiled on the way where the command names any."""
    if not invocation.sources or invocation.plain:
        return link(session, invocation, list(invocation.argv))
    status = run([session.compiler, *invocation.argv])
    if status != 0:
        return status
    objects: dict[str, str] = {}
    for source in invocation.sources:
        target = unit_object(session, invocation, source)
        flags = [w for g in invocation.without_inputs() for w in g]
        command = [session.compiler, *flags, "-w", "-c", source.path, "-o", str(target)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return 0  # the program that the real compiler linked stands
        as_object = replace(invocation, stage="object", output=str(target))
        _replace_object(session, as_object, source, str(target))
        objects[source.path] = str(target)
    words = [objects.get(word, word) for word in invocation.words if word not in ("-x", "c")]
    return link(session, parse_invocation(words), words)


def unit_object(session: Session, invocation: Invocation, source: Input) -> Path:
    """Where the object of a source lies that the command never shows to its user."""
    name = f"{os.path.abspath(invocation.output or 'a.out')}:{source.path}"
    folder = session.build.path / "objects"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{unit_id(os.getcwd(), name)}.o"


__all__ = ["main", "preprocess", "record_step", "run"]
