# SPDX-License-Identifier: GPL-2.0-only
"""`.lp/report.jsonl`: what was left alone, and why. Lines are only added; what a later compile or
link of the same thing found takes the place of what earlier ones had."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lp_build.errors import LakePlacidError
from lp_build.files import append_json, read_json_lines
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem

_LONGEST = 1000  # characters of a reason in the report
_RENEWED = "renewed"
# Who finds problems of a kind of its own: other phases are wrapped builds that instrument.
_FINDERS = {"specialize": "elite", "build": "elite", "stress": "stress"}


def report(
    build: BuildDir, phase: str, unit: str, problems: Sequence[Problem], text: str = ""
) -> None:
    """Note what our passes left alone in a unit or step, and why. text: the digest of the unit's
    text. Raises OSError."""
    for problem in problems:
        row = {"phase": phase, "unit": unit, "text": text, **asdict(problem)}
        append_json(build.report, row)


def renew(
    build: BuildDir, phase: str, unit: str, problems: Sequence[Problem], text: str = ""
) -> None:
    """As `report`, in place of what was said of it before: by the same phase, or of another text.
    Raises OSError."""
    if _is_named(build, unit):
        append_json(build.report, {"phase": phase, "unit": unit, "text": text, _RENEWED: True})
    report(build, phase, unit, problems, text)


def note(
    build: BuildDir, phase: str, unit: str, problems: Sequence[Problem], *, afresh: bool = False
) -> None:
    """As `report`, or afresh as `renew`, for those who must not fail: where not even a report can
    be written, there is but standard error left."""
    try:
        (renew if afresh else report)(build, phase, unit, problems)
    except OSError as error:
        where = error.filename or build.path
        print(f"lp-cc: {where}: {error.strerror}: nothing is captured", file=sys.stderr)


def _is_named(build: BuildDir, unit: str) -> bool:
    try:
        return f'"unit": {json.dumps(unit)}'.encode() in build.report.read_bytes()
    except OSError:  # none yet; where it can't be written either, those who write say so
        return False


def load_report(build: BuildDir, start: int = 0) -> list[dict[str, Any]]:
    """What holds still, oldest first; start: bytes of the report to leave out. Raises
    LakePlacidError for a damaged one."""
    rows: list[dict[str, Any]] = []
    for row in read_json_lines(build.report, start):
        if row.get(_RENEWED):
            rows = [other for other in rows if not _is_outdated(other, row)]
        else:
            rows.append(row)
    return rows


def _is_outdated(row: dict[str, Any], renewed: dict[str, Any]) -> bool:
    if row["unit"] != renewed["unit"]:
        return False
    same = _FINDERS.get(row["phase"]) == _FINDERS.get(renewed["phase"])
    return same or row.get("text", "") != renewed["text"]


def problem_of(error: Exception, source: str) -> Problem:
    """An exception of our passes as a problem of `source`."""
    if isinstance(error, LakePlacidError):
        return Problem(error.file or source, error.line or 1, error.message[:_LONGEST])
    if isinstance(error, OSError):
        return Problem(error.filename or source, 1, error.strerror or repr(error))
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or b"").decode("utf-8", "replace").strip()
        reason = f"`{' '.join(error.cmd)}` ended with status {error.returncode}: {said}"
        return Problem(source, 1, reason[:_LONGEST])
    # A defect of ours: what kind is all that a report can tell.
    return Problem(source, 1, f"internal error: {error!r}")
