# SPDX-License-Identifier: GPL-2.0-only
"""Links: an executable gets the phase's runtime; code of ours that has no place in what is linked
gives way to the plain objects."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lp_build.compile.diagnostics import own_names
from lp_build.compile.environment import SCOUT, SURVEY, Session
from lp_build.compile.inputs import LinkInput, find_inputs
from lp_build.compile.invocation import Invocation
from lp_build.compile.plain import plain_file
from lp_build.compile.response import quote_words
from lp_build.compile.runtime import (
    archiver,
    elite_archive,
    forms_archive,
    heap_archive,
    scout_archive,
    survey_archive,
    wrapped_calls,
)
from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.files import file_digest
from lp_build.layout import BuildDir
from lp_build.model.sites import Problem
from lp_build.processes import Quiet, run, run_quietly
from lp_build.store.journal import (
    Step,
    StepInput,
    put_output,
    put_words,
    record_step,
    step_id,
    without_dependencies,
)
from lp_build.store.problems import note, problem_of, renew
from lp_build.store.provenance import Content, Origin, Store

_SYSTEM = ("-lpthread", "-ldl")
# A program at a fixed address below 1 GB: Elite's code reaches its data from anywhere.
_FIXED = {"-pie": "-no-pie", "--pie": "-no-pie", "-static-pie": "-static"}
_PIE_PIECES = frozenset(("-pie", "--pie", "--pic-executable"))
_NO_WORDS = ("-fPIE", "-fpie", "-Wl")
_UNSEEN = "a compiler called by a path (`lp-wrap --trace make` sees those)"
_LONG = 100_000  # bytes of a command line above which it goes by way of a response file


@dataclass(frozen=True)
class LinkCommand:
    """A link in the current folder. words: with the tool (its first `head` words), response files
    read. argv: what to run when nothing is replaced. output: absolute. driver: whether the tool is
    the compiler, else the linker itself. ran: whether it has been run as the user gave it, so that
    nothing is left to say."""

    words: tuple[str, ...]
    head: int
    argv: tuple[str, ...]
    output: str
    relocatable: bool
    program: bool
    driver: bool
    ran: bool = False

    @property
    def kind(self) -> str:
        """As a journal names it."""
        return "relocatable" if self.relocatable else "link"

    @property
    def id(self) -> str:
        """As a journal names it."""
        return step_id(self.kind, self.output)


def driver_command(session: Session, invocation: Invocation) -> LinkCommand:
    """The compiler's link."""
    tool = session.compiler_words
    program = not (invocation.shared or invocation.relocatable or invocation.no_library)
    return LinkCommand(
        words=(*tool, *invocation.words),
        head=len(tool),
        argv=(*tool, *invocation.argv),
        output=os.path.abspath(invocation.output or "a.out"),
        relocatable=invocation.relocatable,
        program=program,
        driver=True,
    )


def link(session: Session, command: LinkCommand) -> int:
    """Run a link with what the phase adds to it; its status, as the real tool's would be. Nothing
    of ours makes a link fail that would succeed without."""
    try:
        renew(session.build, session.phase, command.id, [])
        linking = _Linking(session, command)
    except (OSError, LakePlacidError, subprocess.CalledProcessError) as error:
        _note(session, command, problem_of(error, command.output))
        return 0 if command.ran else run(command.argv)
    status = linking.run()
    if status == 0:
        try:
            linking.record()
        except (OSError, LakePlacidError) as error:
            _note(session, command, problem_of(error, command.output))
    return status


def _note(session: Session, command: LinkCommand, problem: Problem) -> None:
    note(session.build, session.phase, command.id, [problem])


class _Linking:
    """One link under way."""

    def __init__(self, session: Session, command: LinkCommand) -> None:
        self.session = session
        self.command = command
        self.build = session.build
        self.store = Store(self.build)
        self.inputs = find_inputs(
            self.store, command.words, command.head, os.getcwd(), driver=command.driver
        )
        takes = command.program or command.relocatable
        own = frozenset((session.treatment,)) if session.treatment and takes else frozenset()
        # What belongs to another phase, or has no place here, is linked plainly.
        self.base = self._replaced(own)
        treated = frozenset().union(*(i.content.treated for i in self.inputs))
        self.treated = session.treatment if treated & own else ""

    def _replaced(self, allowed: frozenset[str]) -> list[str]:
        """The command with all code of ours taken out of its inputs, but for the kinds in
        `allowed`."""
        names = {
            (i.word, i.piece): str(plain_file(self.build, i.content, archiver(), allowed))
            for i in self.inputs
            if i.content.treated - allowed
        }
        if not names:
            return list(self.command.words)
        return put_words(self.command.words, names)

    def run(self) -> int:
        """Link; the real tool's status."""
        if not self.treated:
            return 0 if self.command.ran else self._run_base()
        if self.command.relocatable:
            status = self._run_base()
            if status == 0:
                self._make_plain_form()
            return status
        return self._run_program()

    def _run_base(self) -> int:
        if self.base == list(self.command.words):
            return run(self.command.argv)
        with shortened(self.base, self.command.head) as words:
            return run(words)

    def _make_plain_form(self) -> None:
        """What `ld -r` would have made without us: a shared library may be linked with it."""
        target = self.build.path / "steps" / self.command.id / "plain.o"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            words = put_output(self._replaced(frozenset()), str(target))
        except (OSError, LakePlacidError, subprocess.CalledProcessError) as error:
            _note(self.session, self.command, problem_of(error, self.command.output))
            return
        with shortened(words, self.command.head) as short:
            run_quietly(short)

    def _run_program(self) -> int:
        """Link with the runtime, unseen. If that says anything, or the user wants more than a
        program, the user's own link does that in its place; if it fails, the user's own is what
        remains."""
        target = self.build.path / "steps" / self.command.id / "program"
        plain = self._replaced(frozenset())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            done = self._link_treated(target)
        except (OSError, LakePlacidError, subprocess.CalledProcessError) as error:
            return self._run_plain(plain, problem_of(error, self.command.output))
        if done.status != 0:
            said = own_names(self.build, done.output).strip()[-600:]
            reason = f"it can't be linked with our runtime: {said}"
            return self._run_plain(plain, Problem(self.command.output, 1, reason))
        regular = not os.path.exists(self.command.output) or os.path.isfile(self.command.output)
        beside = without_dependencies(plain) != plain
        if done.output or beside or not regular:
            status = self._run_plain(plain, None)
            if status != 0 or not regular:
                return status
        put_in_place(target, Path(self.command.output))
        return 0

    def _run_plain(self, plain: Sequence[str], problem: Problem | None) -> int:
        """Run the user's own link with plain objects; problem: why it is what remains."""
        if problem is not None:
            self.treated = ""
            _note(self.session, self.command, problem)
        if self.command.ran:
            return 0
        with shortened(plain, self.command.head) as words:
            return run(words)

    def _link_treated(self, target: Path) -> Quiet:
        words = put_output(self.base, str(target))
        if self.session.treatment == SCOUT:
            archive = scout_archive(self.build, self.session.compiler)
            # By its build id a trace tells which program it is of.
            ours = [_build_id(words[0]), str(archive), *_SYSTEM]
            with shortened([*words, *ours], self.command.head) as short:
                return run_quietly(short)
        if self.session.treatment == SURVEY:
            return self._link_surveyed(words)
        return link_elite(
            self.build,
            self.session.config,
            words,
            self.command.head,
            target,
            stress=self.session.stress,
        )

    def _link_surveyed(self, words: Sequence[str]) -> Quiet:
        # In a static program only the linker can tell library calls from our wrappers of them.
        static = bool({"-static", "-static-pie"} & set(words))
        archive = survey_archive(self.build, self.session.compiler, static=static)
        names = [f"--wrap={name}" for name in wrapped_calls()] if static else []
        if self.command.driver:
            names = [f"-Wl,{name}" for name in names]
        with shortened([*words, *names, str(archive), *_SYSTEM], self.command.head) as short:
            return run_quietly(short)

    def record(self) -> None:
        """Journal the link, and keep what a later build needs."""
        command = self.command
        ours = any(item.content.known for item in self.inputs)
        if not ours or not (command.program or command.relocatable):
            return
        if not os.path.isfile(command.output):
            return
        for item in self.inputs:
            self.store.keep(item.content)
        for content in (item.content for item in self.inputs):
            self._say_of_foreign(content)
        digest = file_digest(Path(command.output))
        record_step(
            self.build,
            Step(
                id=command.id,
                kind=command.kind,
                cwd=os.getcwd(),
                argv=command.words,
                output=command.output,
                digest=digest,
                inputs=tuple(map(step_input, self.inputs)),
                treated=self.treated,
                build_id=build_id(Path(command.output)) if command.program else "",
            ),
        )
        origin = Origin("step", command.id, command.output, self.treated)
        self.store.record(digest, origin)

    def _say_of_foreign(self, content: Content) -> None:
        """What no pass of ours has seen, and is the project's own, is plain in this program."""
        unknown = sum(member.origin is None for member in content.members)
        if content.origin is not None or (content.members and not unknown):
            return
        name = self.build.relative(str(content.path), os.getcwd())
        if os.path.isabs(name):
            return
        which = f"{unknown} of its members are" if content.members else "it is"
        reason = f"{which} no C unit that LakePlacid has seen: another language, or {_UNSEEN}"
        _note(self.session, self.command, Problem(name, 1, reason))


def step_input(item: LinkInput) -> StepInput:
    """An input as the journal has it."""
    path = os.path.abspath(item.content.path)
    return StepInput(item.word, item.piece, path, item.content.digest)


def link_elite(
    build: BuildDir,
    config: Config,
    words: Sequence[str],
    head: int,
    target: Path,
    *,
    stress: bool,
    cwd: str | None = None,
) -> Quiet:
    """Link an executable with Elite code to `target`, which `words` names already, in folder `cwd`.

    The heap replaces the library's only in a program that has Elite code in it after all: objects
    in archives may not be linked, so a first link shows. Raises LakePlacidError when the runtime
    can't be made.
    """
    compiler = " ".join(words[:head])
    fixed = [word for word in map(_at_fixed_address, words) if word not in _NO_WORDS]
    # A module of the kernel's knows its program by the build id.
    fixed += ["-no-pie", _build_id(words[0])]
    runtime = str(elite_archive(build, config, compiler, stress=stress))
    forms = str(forms_archive(build, compiler, heap=False))
    with shortened([*fixed, runtime, forms, *_SYSTEM], head) as short:
        done = run_quietly(short, cwd)
    if done.status == 0 and config.allocator == "lakeplacid" and is_elite(target):
        forms = str(forms_archive(build, compiler, heap=True))
        heap = str(heap_archive(build, compiler))
        with shortened([*fixed, runtime, forms, heap, *_SYSTEM], head) as short:
            done = run_quietly(short, cwd)
    return done


def _build_id(tool: str) -> str:
    """The option that has the linker give the program a build id."""
    linker = re.search(r"(?:^|-)ld(?:\.\w+)?$", os.path.basename(tool))
    return "--build-id=sha1" if linker else "-Wl,--build-id=sha1"


def _at_fixed_address(word: str) -> str:
    if word.startswith("-Wl,"):
        return ",".join(piece for piece in word.split(",") if piece not in _PIE_PIECES)
    return _FIXED.get(word, word)


def is_elite(program: Path) -> bool:
    """Whether a linked program holds Elite code."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with program.open("rb") as handle:
            return ELFFile(handle).get_section_by_name("lp_elite_text") is not None
    except (OSError, ELFError) as error:
        raise LakePlacidError(f"cannot read what was linked: {error}", file=str(program)) from error


def build_id(program: Path) -> str:
    """A program's build id in hexadecimal; "" without one."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    from lp_build.elf import build_id_of

    try:
        with program.open("rb") as handle:
            return build_id_of(ELFFile(handle))
    except (OSError, ELFError) as error:
        raise LakePlacidError(f"cannot read what was linked: {error}", file=str(program)) from error


@contextmanager
def shortened(words: Sequence[str], head: int) -> Iterator[list[str]]:
    """The command, by way of a response file where it is too long for a command line."""
    if sum(map(len, words)) < _LONG:
        yield list(words)
        return
    with tempfile.NamedTemporaryFile("wb", suffix=".rsp") as handle:
        handle.write(quote_words(words[head:]).encode("utf-8", "surrogateescape"))
        handle.flush()
        yield [*words[:head], f"@{handle.name}"]


def put_in_place(program: Path, destination: Path) -> None:
    """Move a program where the build wants it; one that runs keeps its file, as with ld."""
    fresh = destination.with_name(f".{destination.name}.lp")
    shutil.copyfile(program, fresh)
    shutil.copymode(program, fresh)
    fresh.replace(destination)
