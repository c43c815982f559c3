# SPDX-License-Identifier: GPL-2.0-only
"""What calls in one unit's Elite code become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lp_build.projection.assembly import AsmFile
from lp_build.projection.libcalls import form_name, kernel_forms, thread_calls
from lp_build.projection.request import ProjectionRequest
from lp_build.projection.stops import Callee, How, Reason, StopKind
from lp_build.projection.symbols import base_name


@dataclass
class Callees:
    """Resolves symbols. accepted: the unit's own Elite functions. What was named is noted: outside:
    global Elite functions of other units; known: static ones; guessed: targets of pointers."""

    file: AsmFile
    request: ProjectionRequest
    accepted: frozenset[str]
    outside: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    guessed: set[str] = field(default_factory=set)

    def resolve(self, symbol: str) -> Callee:
        """What a call of `symbol` becomes in Elite (see stops.Callee)."""
        if symbol in self.request.request_elsewhere:
            if symbol in self.request.known_elsewhere:
                self.known.add(symbol)
            return Callee(How.STUB, symbol)
        if symbol in self.request.known_elsewhere:
            self.known.add(symbol)
            return Callee(How.ELITE, f"{symbol}.lp_elite")
        symbol = self.file.aliases.get(symbol, symbol)
        if symbol == self.request.request and symbol in self.accepted:
            return Callee(How.STUB, symbol)
        if symbol in self.file.functions:
            if symbol in self.accepted:
                return Callee(How.ELITE, f"{symbol}.lp_elite")
            if base_name(symbol) in self.request.frame_readers:
                return Callee(How.DEOPT, reason=Reason(StopKind.READS_FRAMES))
            return Callee(How.PLAIN, symbol)
        if symbol in self.request.elite_elsewhere:
            self.outside.add(symbol)
            return Callee(How.ELITE, f"{symbol}.lp_elite")
        if self.request.queue and symbol in thread_calls() and symbol not in self.request.defined:
            return Callee(How.DEOPT, reason=Reason(StopKind.TIED_TO_THREAD, thread_calls()[symbol]))
        return Callee(How.PLAIN, symbol)

    def resolve_kernel(self, symbol: str) -> Callee:
        """The same for the kernel form."""
        callee = self.resolve(symbol)
        if callee.how is How.ELITE:
            return Callee(How.ELITE, f"{callee.symbol.removesuffix('.lp_elite')}.lp_kernel")
        if callee.how is How.STUB:
            return Callee(How.STUB, "lp_k_enter_request")
        if self.request.forms:
            # Forms call the library's own function where they can't do what it does.
            return Callee(How.DEOPT, reason=Reason(StopKind.ONLY_THE_FALLBACK))
        if symbol in self.file.functions or symbol in self.request.defined:
            return Callee(How.DEOPT, reason=Reason(StopKind.NOT_ELITE))
        if symbol not in kernel_forms():
            return Callee(How.DEOPT, reason=Reason(StopKind.NO_KERNEL_FORM))
        return Callee(How.ELITE, f"{form_name(symbol)}.lp_kernel")

    def observed(self, file: str, line: int) -> list[tuple[str, Callee]]:
        """Observed targets of the indirect calls at a place that Elite can call directly."""
        return self._seen(file, line, self.resolve)

    def observed_kernel(self, file: str, line: int) -> list[tuple[str, Callee]]:
        """Those that the kernel form can call."""
        return self._seen(file, line, self.resolve_kernel)

    def _seen(
        self, file: str, line: int, resolve: Callable[[str], Callee]
    ) -> list[tuple[str, Callee]]:
        found = []
        for name in self.request.observed.get((file, line), ()):
            callee = resolve(name)
            if callee.how in (How.ELITE, How.STUB):
                found.append((name, callee))
                self.guessed.add(name)
        return found
