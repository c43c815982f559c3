# SPDX-License-Identifier: GPL-2.0-only
"""The structures of kernel/uapi/lp_abi.h as assembler directives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lp_build.model.abi import SiteKind
from lp_build.projection.cfi import CALLEE_SAVED, NAMES, RBP, RSP, CfiError, FrameRule


@dataclass(frozen=True)
class SiteRecord:
    """One struct lp_site. label: of the record; fallback, elite: symbols or labels."""

    label: str
    fallback: str
    rule: FrameRule
    name: str
    file: str
    line: int
    kind: SiteKind
    elite: str = "0"


def check_rule(rule: FrameRule) -> None:
    """Raise CfiError unless the tables can hold `rule`."""
    if rule.problem:
        raise CfiError(rule.problem)
    if rule.register not in (RBP, RSP):
        raise CfiError(
            "its frame is realigned at run time, for locals that ask for more than 16 bytes' "
            f"alignment (it is found by %{NAMES.get(rule.register, rule.register)})"
        )
    for register, offset in rule.usable_saved().items():
        if register in CALLEE_SAVED and (offset % 8 or not -(2**15) <= offset // 8 < 0):
            raise CfiError(f"register {register} saved at {offset} from the frame address")


def rule_directives(rule: FrameRule) -> list[str]:
    """struct lp_frame_rule. Raises CfiError for a rule that it can't hold."""
    check_rule(rule)
    saved = rule.usable_saved()
    slots = ", ".join(str(saved.get(register, 0) // 8) for register in CALLEE_SAVED)
    return [
        f"\t.long {rule.offset}",
        f"\t.byte {rule.register}, 0, 0, 0",
        f"\t.value {slots}",
        "\t.long 0",
    ]


@dataclass(frozen=True)
class KernelSite:
    """One struct lp_elite_site. user: label of its struct lp_site, or "0"; elite:
    where Elite may go on, or "-1"."""

    label: str
    fallback: str
    rule: FrameRule
    user: str = "0"
    elite: str = "-1"


@dataclass
class KernelTables:
    """Records of the kernel form. Their sections are not loaded with the program: the linker puts
    them at address zero, so that labels in them are offsets."""

    sites: list[KernelSite] = field(default_factory=list)
    returns: list[tuple[str, str, FrameRule]] = field(default_factory=list)
    entries: list[tuple[str, str, FrameRule]] = field(default_factory=list)  # label, elite
    fixups: list[tuple[str, str]] = field(default_factory=list)  # instruction, stub

    def sizes(self) -> tuple[int, int, int, int]:
        """For `cut`."""
        return len(self.sites), len(self.returns), len(self.entries), len(self.fixups)

    def cut(self, sizes: tuple[int, int, int, int]) -> None:
        """Forget what came since `sizes`."""
        for records, size in zip(
            (self.sites, self.returns, self.entries, self.fixups), sizes, strict=True
        ):
            del records[size:]  # type: ignore[attr-defined]

    def emit(self) -> list[str]:
        """All of it as assembly."""
        out: list[str] = []
        if self.sites:
            out += ['\t.section lp_kernel_sites,"",@progbits', "\t.p2align 3"]
            for site in self.sites:
                out += [f"{site.label}:", f"\t.quad {site.fallback}", *rule_directives(site.rule)]
                out += [f"\t.quad {site.user}", f"\t.quad {site.elite}"]
        if self.returns:
            out += ['\t.section lp_kernel_returns,"",@progbits', "\t.p2align 3"]
            for elite, fallback, rule in self.returns:
                out += [f"\t.quad {elite}", f"\t.quad {fallback}", *rule_directives(rule)]
        if self.entries:
            out += ['\t.section lp_kernel_entries,"",@progbits', "\t.p2align 3"]
            for label, elite, rule in self.entries:
                out += [f"{label}:", f"\t.quad {elite}", "\t.quad 0", *rule_directives(rule)]
        if self.fixups:
            out += ['\t.section lp_kernel_extable,"",@progbits', "\t.p2align 3"]
            for instruction, stub in self.fixups:
                out.append(f"\t.quad {instruction}, {stub}")
        return out


@dataclass
class Tables:
    """Collects records and strings of one unit and writes them as sections."""

    prefix: str
    sites: list[SiteRecord] = field(default_factory=list)
    returns: list[tuple[str, str, FrameRule]] = field(default_factory=list)
    functions: list[tuple[str, str, str]] = field(default_factory=list)
    kernel: KernelTables = field(default_factory=KernelTables)
    _strings: dict[str, str] = field(default_factory=dict)
    _places: dict[tuple[str, SiteKind], SiteRecord] = field(default_factory=dict)
    _indexed: int = 0

    @contextmanager
    def undone_by(self, failure: type[Exception]) -> Iterator[None]:
        """Within: records are kept only when no `failure` is raised; it goes on to the caller."""
        sites, returns, functions = len(self.sites), len(self.returns), len(self.functions)
        kernel = self.kernel.sizes()
        try:
            yield
        except failure:
            del self.sites[sites:]
            del self.returns[returns:]
            del self.functions[functions:]
            self.kernel.cut(kernel)
            self._places.clear()
            self._indexed = 0
            raise

    def find(self, fallback: str, kind: SiteKind) -> SiteRecord | None:
        """The record of that kind where the Fallback goes on at label `fallback`."""
        for site in self.sites[self._indexed :]:
            self._places[site.fallback, site.kind] = site
        self._indexed = len(self.sites)
        return self._places.get((fallback, kind))

    def string(self, text: str) -> str:
        """The label of a NUL-terminated string, pooled."""
        return self._strings.setdefault(text, f".L{self.prefix}s{len(self._strings)}")

    def emit(self) -> list[str]:
        """All tables as assembly."""
        out: list[str] = []
        if self.sites:
            out += ['\t.section lp_sites,"aw",@progbits', "\t.p2align 3"]
            for site in self.sites:
                out += [f"{site.label}:", f"\t.quad {site.fallback}", *rule_directives(site.rule)]
                out += [
                    f"\t.quad {self.string(site.name)}",
                    f"\t.quad {self.string(site.file)}",
                    f"\t.long {site.line}",
                    f"\t.byte {int(site.kind)}, 0, 0, 0",
                    "\t.quad 0",
                    f"\t.quad {site.elite}",
                ]
        if self.returns:
            out += ['\t.section lp_returns,"aw",@progbits', "\t.p2align 3"]
            for elite, fallback, rule in self.returns:
                out += [f"\t.quad {elite}", f"\t.quad {fallback}", *rule_directives(rule)]
        if self.functions:
            out += ['\t.section lp_functions,"aw",@progbits', "\t.p2align 3"]
            for fallback, elite, name in self.functions:
                out += [f"\t.quad {fallback}", f"\t.quad {elite}", f"\t.quad {self.string(name)}"]
        out += self.kernel.emit()
        if self._strings:
            out.append('\t.section .rodata.lp_strings,"aMS",@progbits,1')
            for text, label in self._strings.items():
                escaped = text.replace("\\", "\\\\").replace('"', '\\"')
                out += [f"{label}:", f'\t.string "{escaped}"']
        return out
