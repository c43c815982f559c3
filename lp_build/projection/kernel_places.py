# SPDX-License-Identifier: GPL-2.0-only
"""Records and stubs of the kernel form: each place where it may stop has one."""

from __future__ import annotations

from dataclasses import dataclass, field

from lp_build.model.abi import SiteKind
from lp_build.projection.places import Names, ProgramSites
from lp_build.projection.records import KernelSite, KernelTables, SiteRecord, check_rule


@dataclass
class KernelPlaces:
    """Those of one function. The stubs that it makes are `stubs`, in their order."""

    program: ProgramSites
    stubs: list[str] = field(default_factory=list)
    _serial: int = 0

    @property
    def names(self) -> Names:
        """The form's."""
        return self.program.names

    @property
    def tables(self) -> KernelTables:
        """Where its records go."""
        return self.program.tables.kernel

    def name(self, letter: str, position: int) -> str:
        """A label of this function's text that nothing else has."""
        self._serial += 1
        return self.names.at(letter, position, f"_{self._serial}")

    def site(self, position: int, elite: str = "-1", user: str = "0") -> str:
        """A record of `position`; its label. elite: where Elite may go on; user: the label of the
        program's own record."""
        rule = self.program.analysis.rules[position]
        check_rule(rule)
        label = f".L{self.names.prefix}r{len(self.tables.sites)}"
        fallback = self.program.fallback(position)
        self.tables.sites.append(KernelSite(label, fallback, rule, user, elite))
        return label

    def record(self, position: int, kind: SiteKind, name: str, elite: str = "0") -> SiteRecord:
        """A place with a name: the program's own record counts it, whichever form of Elite left."""
        fallback = self.program.fallback(position)
        record = self.program.tables.find(fallback, kind)
        if record is None:
            record = self.program.record(position, kind, name)
        label = self.site(position, "-1" if elite == "0" else elite, record.label)
        return SiteRecord(
            label, fallback, record.rule, record.name, record.file, record.line, kind, elite
        )

    def returns_to(self, label: str, position: int) -> None:
        """A record of a return address."""
        rule = self.program.analysis.rules[position]
        check_rule(rule)
        self.tables.returns.append((label, self.program.fallback_behind(position), rule))

    def add_stub(self, label: str, record: str, where: str, restore: str = "") -> None:
        """A stub that goes to import `where`; restore: an instruction before it."""
        self.stubs.append(f"{label}:")
        if restore:
            self.stubs.append(restore)
        self.stubs += [f"\tpushq ${record}", f"\tjmp {where}"]

    def leave_by(self, where: str, position: int, elite: str = "-1", restore: str = "") -> str:
        """The label of a stub for `position` that goes to import `where`."""
        stub = self.name("z", position)
        self.add_stub(stub, self.site(position, elite), where, restore)
        return stub

    def may_fault(self, position: int, text: str) -> list[str]:
        """An instruction with its entry in the exception table; it runs again with its page."""
        label = self.name("m", position)
        stub = self.leave_by("lp_k_fault", position, label)
        self.tables.fixups.append((label, stub))
        return [f"{label}:", f"\t{text}"]
