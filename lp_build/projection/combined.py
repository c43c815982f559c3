# SPDX-License-Identifier: GPL-2.0-only
"""The combined assembly of one unit: the Fallback's text with its labels, Elite's, the kernel
forms', and the tables between them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lp_build.projection.cfi import RSP, FrameRule, directives
from lp_build.projection.debug_sections import debug_section_lines
from lp_build.projection.emitter import EliteFunction, Entry
from lp_build.projection.in_kernel import PREFIX as KERNEL_PREFIX
from lp_build.projection.in_process import PREFIX
from lp_build.projection.symbols import base_name
from lp_build.projection.unit import ProjectedUnit

_SYMBOL = re.compile(r"[A-Za-z_.$][\w.$]*")


def combined_text(unit: ProjectedUnit) -> str:
    """The text; records that only it needs go to the unit's tables."""
    return _Combined(unit).text()


def _entries(functions: Mapping[str, EliteFunction]) -> dict[int, Entry]:
    """Where the Fallback enters, by line."""
    return {entry.line: entry for function in functions.values() for entry in function.entries}


class _Combined:
    def __init__(self, unit: ProjectedUnit) -> None:
        self.unit = unit
        self.entries = _entries(unit.elite)
        self.kernel_entries = _entries(unit.kernel)

    def text(self) -> str:
        """The Fallback's text with its labels, then Elite's and the tables."""
        drop = {marker.line for marker in self.unit.file.markers}
        if not self.unit.request.keep_debug:
            drop |= self.unit.file.debug_lines | debug_section_lines(self.unit.file.lines)
        out: list[str] = []
        replaced = self._request_lines()
        for number, line in enumerate(self.unit.file.lines):
            out += self.unit.edits.before.get(number, ())
            if number in self.entries:
                out += ["\tcmpb $0, lp_entries_enabled(%rip)", f"\tjne .L{PREFIX}m{number}"]
                if number in self.kernel_entries:
                    out.append(f".L{PREFIX}b{number}:")
            if number in replaced:
                out += replaced[number]
            elif number not in drop:
                out.append(line)
            out += self.unit.edits.after.get(number, ())
        out += self._entry_stubs()
        out += self._elite()
        out += self._kernel()
        out += self.unit.tables.emit()
        out += [f"\t.weak {name}" for name in sorted(self._only_guessed())]
        out.append('\t.section .note.GNU-stack,"",@progbits')
        return "\n".join(out) + "\n"

    def _only_guessed(self) -> set[str]:
        """Observed targets in other units that the compiler's text doesn't name. Weak: another
        program may have this unit and not those, and then no pointer equals an address of zero."""
        own = self.unit.file.functions.keys() | self.unit.file.aliases.keys()
        guessed = self.unit.callees.guessed - own - self.unit.callees.known
        if not guessed:
            return set()
        named: set[str] = set()
        for line in self.unit.file.lines:
            if not line.lstrip().startswith((".string", ".ascii")):
                named |= guessed.intersection(_SYMBOL.findall(line))
        return guessed - named

    def _request_lines(self) -> dict[int, list[str]]:
        """The Fallback's request function under its other name; callers meet the stub."""
        name = self.unit.request.request
        if name is None or name not in self.unit.elite:
            return {}
        function = self.unit.file.functions[name]
        new = f"{name}.lp_fallback"
        label = self.unit.file.lines[function.label_line]
        lines = {
            function.label_line: [
                f"\t.type {new}, @function",
                label.replace(f"{name}:", f"{new}:", 1),
            ]
        }
        if function.size_line >= 0:
            lines[function.size_line] = [f"\t.size {new}, .-{new}"]
        return lines

    def _entry_stubs(self) -> list[str]:
        if not self.entries:
            return []
        out = ['\t.section .text.lp_entries,"ax",@progbits']
        for number, entry in self.entries.items():
            rule = entry.rule.described()
            out += [f".L{PREFIX}m{number}:", "\t.cfi_startproc"]
            out += [*directives(FrameRule(), rule), "\tlock incq lp_entry_count(%rip)"]
            if number in self.kernel_entries:
                out += self._kernel_entry(number, rule.register == RSP)
            out += [f"\tjmp {entry.label}", "\t.cfi_endproc"]
        if self.kernel_entries:
            out += ["\t.weak lp_loop_enters", "\t.hidden lp_loop_enters"]
            out.append("\t.set lp_loop_enters, 1")
        return out

    def _kernel_entry(self, number: int, moves: bool) -> list[str]:
        """On the way from a loop's head into Elite: go to the kernel's, where that is asked for.
        moves: the frame is found by %rsp, which pushing moves."""
        pushed = ["\t.cfi_adjust_cfa_offset 8"] if moves else []
        popped = ["\t.cfi_adjust_cfa_offset -16"] if moves else []
        entry = self.kernel_entries[number]
        label = f".L{KERNEL_PREFIX}j{number}"
        self.unit.tables.kernel.entries.append((label, entry.label, entry.rule))
        return [
            "\tcmpb $2, lp_entries_enabled(%rip)",
            f"\tjne .L{PREFIX}l{number}",
            f"\tpushq $.L{PREFIX}b{number}",
            *pushed,
            f"\tpushq ${label}",
            *pushed,
            "\tjmp lp_kernel_enter",
            *popped,
            f".L{PREFIX}l{number}:",
        ]

    def _kernel(self) -> list[str]:
        """The kernel forms, in a section that is not loaded with the program."""
        if not self.unit.kernel_texts:
            return []
        out = ['\t.section lp_kernel_text,"",@progbits']
        for name, text in self.unit.kernel_texts.items():
            form = f"{name}.lp_kernel"
            if name in self.unit.file.globals:
                out += [f"\t.globl {form}", f"\t.hidden {form}"]
            out += text
            if name == self.unit.request.request:
                out += ["\t.globl lp_request_kernel", "\t.hidden lp_request_kernel"]
                out += [f"\t.set lp_request_kernel, {form}"]
                out += ["\t.globl lp_request_kernel_entry", "\t.hidden lp_request_kernel_entry"]
                self.unit.tables.kernel.entries.append(
                    ("lp_request_kernel_entry", form, FrameRule())
                )
            known = self.unit.request.known_as.get(name)
            if known is not None and name != self.unit.request.request:
                out += [f"\t.weak {known}.lp_kernel", f"\t.hidden {known}.lp_kernel"]
                out.append(f"\t.set {known}.lp_kernel, {form}")
        for symbol in sorted(self.unit.callees.outside):
            form = f"{symbol}.lp_kernel"
            out += [f"\t.weak {form}", f"\t.hidden {form}", *self.unit.stand_in(symbol)]
        for symbol in sorted(self.unit.callees.known):
            out += [f"\t.weak {symbol}.lp_kernel", f"\t.hidden {symbol}.lp_kernel"]
        if any(function.uses_fp for function in self.unit.kernel.values()):
            out += ['\t.section lp_kernel_fp,"",@progbits', "\t.byte 1"]
        return out

    def _elite(self) -> list[str]:
        if not self.unit.elite:
            return []
        out: list[str] = []
        request = self.unit.request.request
        if request in self.unit.elite:
            out += self._request_stub(request)
        out.append('\t.section lp_elite_text,"ax",@progbits')
        for name, function in self.unit.elite.items():
            if name in self.unit.file.globals:
                out += [f"\t.globl {name}.lp_elite", f"\t.hidden {name}.lp_elite"]
            out += function.text
            if name == request:
                self.unit.tables.functions.append((name, name, name))
                out += ["\t.globl lp_request_elite", "\t.hidden lp_request_elite"]
                out.append(f"\t.set lp_request_elite, {name}.lp_elite")
                known = self.unit.request.known_as.get(name)
                if known is not None:  # other units meet the stub, as pointers do
                    out += [f"\t.weak {known}", f"\t.hidden {known}", f"\t.set {known}, {name}"]
            elif base_name(name) == name:
                self.unit.tables.functions.append((name, f"{name}.lp_elite", name))
                out += self._known_as(name)
        out += self._weak_entries()
        # Weak, for a static function of a unit that has no Elite copy after all: no pointer equals
        # an address of zero.
        for name in sorted(self.unit.callees.known):
            for symbol in (name, f"{name}.lp_elite"):
                out += [f"\t.weak {symbol}", f"\t.hidden {symbol}"]
        return out

    def _known_as(self, name: str) -> list[str]:
        """Names for other units. Weak: a source that a program has twice defines them twice, and
        the linker takes both of the first."""
        known = self.unit.request.known_as.get(name)
        if known is None:
            return []
        out: list[str] = []
        for symbol, value in ((known, name), (f"{known}.lp_elite", f"{name}.lp_elite")):
            out += [f"\t.weak {symbol}", f"\t.hidden {symbol}", f"\t.set {symbol}, {value}"]
        return out

    @staticmethod
    def _request_stub(name: str) -> list[str]:
        return [
            "\t.text",
            "\t.p2align 4",
            f"\t.type {name}, @function",
            f"{name}:",
            "\t.cfi_startproc",
            "\tjmp *lp_request_target(%rip)",
            "\t.cfi_endproc",
            f"\t.size {name}, .-{name}",
            "\t.globl lp_request_fallback",
            "\t.hidden lp_request_fallback",
            f"\t.set lp_request_fallback, {name}.lp_fallback",
        ]

    def _weak_entries(self) -> list[str]:
        """Names for Elite functions of other units, should their units have none after all: then
        the functions themselves are called."""
        out: list[str] = []
        for symbol in sorted(self.unit.callees.outside):
            elite = f"{symbol}.lp_elite"
            out += [f"\t.weak {elite}", f"\t.hidden {elite}", f"\t.type {elite}, @function"]
            out += [
                f"{elite}:",
                "\t.cfi_startproc",
                f"\tjmp {symbol}",
                "\t.cfi_endproc",
                f"\t.size {elite}, .-{elite}",
            ]
        return out
