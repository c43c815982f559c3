# SPDX-License-Identifier: GPL-2.0-only
"""`lp cc`: one compiler command in a phase.

The user's own command always runs, as it is: its diagnostics, status, outputs and dependency files
are the real ones. Beside it, each C source that our passes can treat goes through them; when both
have succeeded, our object takes the place of the plain one, which is kept. Whatever goes wrong in
our part, the plain object stands, and the report says why.
"""

from __future__ import annotations

import os

from lp_build.compile.environment import Session, current_session, real_compiler
from lp_build.compile.invocation import Invocation, parse_invocation
from lp_build.compile.unit import Job, guarded_finish, is_object, leave, prepared, unit_of
from lp_build.processes import Visible, exit_status, is_lost, passing_signals, run

# Stages that leave code, and why it stays plain where no pass of ours has been.
_MADE = {
    "object": "",
    "assembly": "-S: what is made of its assembly later stays as the compiler wrote it",
}


def main(argv: list[str]) -> int:
    """One compiler command; the real compiler's exit status. Raises LakePlacidError for an unknown
    phase."""
    if is_lost():
        return exit_status(run([*real_compiler(os.environ).split(), *argv]))
    session = current_session()
    name = os.path.basename(session.compiler_words[-1])
    invocation = parse_invocation(argv, cplusplus="++" in name)
    if invocation.stage == "link":
        from lp_build.compile.link_sources import link_sources

        status = link_sources(session, invocation)
    elif invocation.stage == "object" and not invocation.unusual:
        status = _compile(session, invocation)
    else:
        status = run([*session.compiler_words, *argv])
        if status == 0 and invocation.stage in _MADE:
            leave(session, invocation, invocation.unusual or _MADE[invocation.stage])
    return exit_status(status)


def _compile(session: Session, invocation: Invocation) -> int:
    jobs = [
        Job(unit_of(session, invocation, source.path, invocation.object_for(source.path)))
        for source in invocation.sources
    ]
    visible = Visible([*session.compile_words, *invocation.argv])
    with passing_signals(visible):
        ours = [prepared(session, job, invocation) for job in jobs if is_object(job.unit)]
        status = visible.wait()
    if status == 0:
        for job in ours:
            guarded_finish(session, job)
    return status
