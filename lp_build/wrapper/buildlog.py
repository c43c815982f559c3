# SPDX-License-Identifier: GPL-2.0-only
"""The compilers, archivers and linkers that a build's log tells of, for builds whose commands don't
meet our shims: what `make V=1` printed, or what `make -n` prints.

compiledb says what a compiler looks like in a log and runs the substitutions that automake's
commands hold (`test -f 'x.c' || echo './'`); bashlex, which it stands on, reads the shell.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bashlex
from bashlex.errors import ParsingError
from bashlex.tokenizer import MatchedPairError
from compiledb.parser import SubstCommandVisitor, cc_compile_regex, cpp_compile_regex
from compiledb.utils import run_cmd

from lp_build.model.sites import Problem
from lp_build.wrapper.shims import LAUNCHERS, tool_kind

_ENTER = re.compile(r"^\S*make(?:\[\d+\])?: Entering directory [`'\"](.*)['\"]$")
_LEAVE = re.compile(r"^\S*make(?:\[\d+\])?: Leaving directory ")
# What libtool runs, as it says; its own command line stands above it.
_LIBTOOL = re.compile(r"^libtool: (?:compile|link): +")
_UNCLEAR = (
    *(ParsingError, MatchedPairError, NotImplementedError, ValueError),
    *(OSError, subprocess.CalledProcessError),
)
_BEFORE = frozenset((*LAUNCHERS, "env", "time", "nice"))


@dataclass(frozen=True)
class LoggedCommand:
    """A command of a log. program: which of its words is the tool (those before are a launcher or
    libtool's script); kind: "compiler", or as `lp tool` names it. cwd: absolute; line: from 1."""

    words: tuple[str, ...]
    program: int
    kind: str
    cwd: str
    line: int

    @property
    def is_compile(self) -> bool:
        """Whether it makes an object that nothing else of its kind needs."""
        return self.kind == "compiler" and "-c" in self.words

    @property
    def is_libtools(self) -> bool:
        """Whether it runs libtool's script, which runs the tool."""
        return any(map(_is_libtool, self.words[: self.program]))


@dataclass(frozen=True)
class BuildLog:
    """Commands in their order, and lines that look like such commands but can't be understood."""

    commands: tuple[LoggedCommand, ...]
    problems: tuple[Problem, ...]


def read_log(text: str, name: str, folder: str) -> BuildLog:
    """The commands of a log that was begun in `folder`. name: for problems."""
    commands: list[LoggedCommand] = []
    problems: list[Problem] = []
    said = any(_LIBTOOL.match(line) for line in text.splitlines())
    for number, cwd, line in _lines(text, folder):
        if not _is_promising(line):
            continue
        try:
            found = [*_Reader(_LIBTOOL.sub("", line), cwd, number).commands()]
        except _UNCLEAR as error:
            if _begins_with_tool(line):
                problems.append(Problem(name, number, f"this line of the log is unclear: {error}"))
            continue
        # Where libtool says what it runs, that is what to go by.
        found = [c for c in found if not (said and c.is_libtools)]
        # CMake's script says what it runs too, under VERBOSE=1.
        last = commands[-1] if commands else None
        commands += [c for c in found if last is None or replace(c, line=last.line) != last]
    return BuildLog(tuple(commands), tuple(problems))


def _lines(text: str, folder: str) -> Iterator[tuple[int, str, str]]:
    """Commands with the numbers of their (first) lines, and the folders that they run in."""
    folders = [os.path.abspath(folder)]
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        while line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]
        entered = _ENTER.match(line)
        if entered:
            folders.append(entered[1])
        elif _LEAVE.match(line):
            folders[1:] = folders[1:-1]
        else:
            yield number, folders[-1], line.strip()


def _is_promising(line: str) -> bool:
    """Whether the shell's grammar has to be asked at all: most lines of a log are talk."""
    if "cmake_link_script" in line:
        return True
    return any(_kind(word.strip("\"'();&|`")) for word in line.split())


def _begins_with_tool(line: str) -> bool:
    first = line.split()[:1]
    return bool(first) and bool(_kind(first[0]))


def _kind(word: str) -> str:
    """What a word names: "compiler", a kind of tool, or "" for neither."""
    name = os.path.basename(word)
    if name in LAUNCHERS:
        return ""
    if name == "c99" or name == "c89" or cc_compile_regex.match(name):
        return "compiler"
    return "compiler" if cpp_compile_regex.match(name) else tool_kind(name)


def _is_libtool(word: str) -> bool:
    return os.path.basename(word) in ("libtool", "glibtool")


class _Reader:
    """One line, as the shell would read it."""

    def __init__(self, line: str, cwd: str, number: int) -> None:
        self._line = line
        self._number = number
        self._cwd = cwd

    def commands(self) -> Iterator[LoggedCommand]:
        """Those that are ours to know. Raises the parser's errors."""
        for tree in bashlex.parse(self._line):
            yield from self._visit(tree)

    def _visit(self, node: Any) -> Iterator[LoggedCommand]:
        if node.kind == "command":
            yield from self._command(node)
            return
        parts: Iterable[Any] = node.list if node.kind == "compound" else getattr(node, "parts", ())
        before = self._cwd
        for part in parts:
            yield from self._visit(part)
        if node.kind == "compound" and getattr(node.list[0], "word", "") == "(":
            self._cwd = before

    def _command(self, node: Any) -> Iterator[LoggedCommand]:
        nodes = [part for part in node.parts if part.kind == "word"]
        if len(nodes) == 2 and nodes[0].word == "cd":
            self._cwd = os.path.join(self._cwd, *self._words(nodes[1]))
            return
        if [part.word for part in nodes[1:3]] == ["-E", "cmake_link_script"] and len(nodes) > 3:
            yield from self._script(os.path.join(self._cwd, *self._words(nodes[3])))
            return
        program = next((i for i, part in enumerate(nodes) if _kind(part.word)), None)
        if program is None or not _is_command([part.word for part in nodes[:program]]):
            return
        if any(part.kind == "parameter" for node in nodes for part in node.parts):
            raise ValueError("it has variables that only its shell knew")
        words = tuple(word for part in nodes for word in self._words(part))
        kind = _kind(words[program])
        yield LoggedCommand(words, program, kind, os.path.normpath(self._cwd), self._number)

    def _script(self, path: str) -> Iterator[LoggedCommand]:
        """CMake's makefiles link by a script of its own, a command a line."""
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
        for line in text.splitlines():
            yield from _Reader(line, self._cwd, self._number).commands()

    def _words(self, node: Any) -> list[str]:
        """A word without its quotes, with its command substitutions made."""
        first, last = node.pos
        text = self._line[first:last]
        visitor = SubstCommandVisitor()
        visitor.visit(node)
        for found in sorted(visitor.substs, key=lambda s: int(s.pos[0]), reverse=True):
            begin, end = found.command.pos
            command = self._line[begin:end]
            said = run_cmd(command, shell=True, cwd=self._cwd, stderr=subprocess.DEVNULL)
            begin, end = found.pos
            text = text[: begin - first] + said.strip() + text[end - first :]
        return shlex.split(text)


def _is_command(before: list[str]) -> bool:
    """Whether what stands before a tool's name runs it: a launcher, or libtool's script."""
    if any(map(_is_libtool, before)):
        return True
    return all(os.path.basename(w) in _BEFORE or "=" in w for w in before)
