# SPDX-License-Identifier: GPL-2.0-only
"""`lp tool KIND REAL ARGS…`: archivers, linkers and object tools as the build calls them, with
what they did to our objects journalled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lp_build.compile.environment import Session, current_session
from lp_build.compile.inputs import LD_SEPARATE
from lp_build.compile.link import LinkCommand, link
from lp_build.compile.plain import plain_of
from lp_build.compile.response import expand
from lp_build.errors import LakePlacidError
from lp_build.processes import exit_status, is_lost, run, run_quietly
from lp_build.store.archives import is_archive
from lp_build.store.journal import Step, StepInput, put_output, put_words, record_step, step_id
from lp_build.store.problems import note, problem_of
from lp_build.store.provenance import Content, Origin, Store


def main(argv: list[str]) -> int:
    """Run a tool; its exit status. argv: "ar", "ld", "strip" or "objcopy", the real tool by its
    path, and its arguments. Raises LakePlacidError for an unknown phase."""
    kind, *command = argv
    if not os.environ.get("LP_PHASE") or is_lost():
        return exit_status(run(command))
    return exit_status(_TOOLS[kind](current_session(), command))


def _archive(session: Session, command: Sequence[str]) -> int:
    """ar and ranlib: the archive is looked at when it is done, whatever was done to it."""
    status = run(command)
    if status == 0:
        words = expand(command)
        path = next((w for w in words[1:] if os.path.isfile(w) and is_archive(Path(w))), None)
        if path is not None:
            _noting(session, path, lambda: _record_archive(session, words, path))
    return status


def _record_archive(session: Session, words: Sequence[str], path: str) -> None:
    store = Store(session.build)
    content = store.identify(Path(path))
    if not content.known:
        return
    store.keep(content)
    output = os.path.abspath(path)
    identity = step_id("archive", output)
    step = Step(identity, "archive", os.getcwd(), tuple(words), output, content.digest, ())
    record_step(session.build, step)


def _ld(session: Session, command: Sequence[str]) -> int:
    """The linker itself. Where it makes anything but one object of several, it gets the plain
    objects: nobody adds our runtime there."""
    words = expand(command)
    relocatable = any(w in ("-r", "-i", "--relocatable") for w in words[1:])
    output = "a.out"
    for position, word in enumerate(words[:-1]):
        if word in ("-o", "--output"):
            output = words[position + 1]
    for word in words[1:]:
        if word.startswith("-o") and len(word) > 2 and word not in LD_SEPARATE:
            output = word[2:]
    return link(
        session,
        LinkCommand(
            words=tuple(words),
            head=1,
            argv=tuple(command),
            output=os.path.abspath(output),
            relocatable=relocatable,
            program=False,
            driver=False,
        ),
    )


def _strip(session: Session, command: Sequence[str]) -> int:
    """strip: each file in place, or one to another place (-o)."""
    words = expand(command)
    output = next((words[i + 1] for i, w in enumerate(words[:-1]) if w == "-o"), None)
    files = {i: output or words[i] for i in _operands(words) if os.path.isfile(words[i])}
    return _convert(session, command, words, files)


def _objcopy(session: Session, command: Sequence[str]) -> int:
    """objcopy: one file in place, or to the place that is named last."""
    words = expand(command)
    operands = _operands(words)
    files = {operands[0]: words[operands[-1]]} if operands else {}
    return _convert(session, command, words, files)


def _operands(words: Sequence[str]) -> list[int]:
    """Which words of a strip or objcopy command are files to work on, or to write."""
    found = []
    position = 1
    while position < len(words):
        if words[position] in _SEPARATE:
            position += 1
        elif not words[position].startswith("-"):
            found.append(position)
        position += 1
    return found


# Options of strip and objcopy that are followed by a word that is no file to work on (binutils'
# manual; where a long option's argument stands behind a `=` it is one word).
_SEPARATE = frozenset(
    "-o -F -I -O -B -j -R -K -N -L -G -W -b --target --input-target --output-target "
    "--binary-architecture --only-section --remove-section --remove-relocations --strip-symbol "
    "--strip-unneeded-symbol --keep-section --keep-symbol --localize-symbol --globalize-symbol "
    "--keep-global-symbol --weaken-symbol --interleave-width --byte --gap-fill --pad-to "
    "--set-start --change-start --adjust-start --change-addresses --adjust-vma "
    "--change-section-address --adjust-section-vma --change-section-lma --change-section-vma "
    "--set-section-flags --set-section-alignment --add-section --update-section --dump-section "
    "--rename-section --redefine-sym --redefine-syms --strip-symbols --strip-unneeded-symbols "
    "--keep-symbols --localize-symbols --globalize-symbols --keep-global-symbols "
    "--weaken-symbols --add-symbol --alt-machine-code --prefix-symbols --prefix-sections "
    "--prefix-alloc-sections --add-gnu-debuglink".split()
)


def _convert(
    session: Session, command: Sequence[str], words: Sequence[str], files: dict[int, str]
) -> int:
    """Run a tool that changes objects; files: by word of an input, the output."""
    store = Store(session.build)
    before: dict[int, Content] = {}
    for word in files:
        try:
            before[word] = store.identify(Path(words[word]))
        except (OSError, LakePlacidError):
            continue
    status = run(command)
    if status == 0:
        for word, content in before.items():
            if content.known:
                done = _Conversion(session, store, words, word, files)
                _noting(session, files[word], partial(done.record, content, files[word]))
    return status


class _Conversion:
    """One file that a tool changed."""

    def __init__(
        self,
        session: Session,
        store: Store,
        words: Sequence[str],
        word: int,
        files: dict[int, str],
    ) -> None:
        self.session = session
        self.store = store
        others = {i for i in files if i != word}
        # A step of its own for each file that one command changed.
        self.words = [w for i, w in enumerate(words) if i not in others]
        self.word = word - sum(i < word for i in others)

    def record(self, before: Content, output: str) -> None:
        """Journal what became of a file, or of each member of an archive."""
        after = self.store.identify(Path(output))
        path = os.path.abspath(output)
        if before.origin is not None:
            self._step(before.digest, before.origin, after.digest, path)
        for old, new in zip(before.members, after.members, strict=False):
            if old.origin is not None and old.name == new.name and old.digest != new.digest:
                self._step(old.digest, old.origin, new.digest, f"{path}({new.name})")
        if after.kind == "archive":
            self.store.keep(self.store.identify(Path(output)))

    def _step(self, old: str, origin: Origin, new: str, output: str) -> None:
        if new == old:
            return
        build = self.session.build
        identity = step_id("convert", f"{output}:{old}")
        source = StepInput(self.word, -1, output, old)
        record_step(
            build,
            Step(
                id=identity,
                kind="convert",
                cwd=os.getcwd(),
                argv=tuple(self.words),
                output=output,
                digest=new,
                inputs=(source,),
                treated=origin.treated,
            ),
        )
        self.store.record(new, Origin("step", identity, output, origin.treated))
        if origin.treated:
            self._plain_form(plain_of(build, origin), build.path / "steps" / identity / "plain.o")

    def _plain_form(self, plain: Path, target: Path) -> None:
        """Do the same to what would have been there without us. A program has no such form: it is
        linked again."""
        if not plain.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if not convert(self.words, self.word, plain, target):
            raise LakePlacidError(
                f"`{' '.join(self.words)}` can't be done to the plain object",
                file=str(plain),
                remedy="what is linked of it into a shared library would fail",
            )


def convert(
    words: Sequence[str], word: int, source: Path, target: Path, cwd: str | None = None
) -> bool:
    """Do to `source` what a conversion's command, run in `cwd`, did to its file; whether that
    succeeded."""
    names = put_words(words, {(word, -1): str(target)})
    if "-o" in names:
        names = put_output(names, str(target))
    operands = _operands(words)
    if len(operands) == 2:
        names[operands[1]] = str(target)  # objcopy IN OUT
    target.write_bytes(source.read_bytes())
    target.chmod(source.stat().st_mode)
    return run_quietly(names, cwd).status == 0


def _noting(session: Session, output: str, act: Callable[[], None]) -> None:
    """Take note of a step that made `output`; what goes wrong on the way is in the report."""
    try:
        act()
    except (OSError, LakePlacidError, subprocess.CalledProcessError) as error:
        path = os.path.abspath(output)
        identity = step_id("note", path)
        note(session.build, session.phase, identity, [problem_of(error, path)], afresh=True)


_TOOLS: dict[str, Callable[[Session, Sequence[str]], int]] = {
    "ar": _archive,
    "ld": _ld,
    "strip": _strip,
    "objcopy": _objcopy,
}
