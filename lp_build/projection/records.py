"""The structures of c_runtime/lp_abi.h as assembler directives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from lp_build.projection.cfi import CALLEE_SAVED, RBP, RSP, CfiError, FrameRule


class SiteKind(IntEnum):
    """enum lp_site_kind."""

    COLD = 1
    CALL = 2
    ENTRY = 3
    FORCE = 4


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
        raise CfiError(f"a frame address in register {rule.register}")
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


@dataclass
class Tables:
    """Collects records and strings of one unit and writes them as sections."""

    prefix: str
    sites: list[SiteRecord] = field(default_factory=list)
    returns: list[tuple[str, str, FrameRule]] = field(default_factory=list)
    functions: list[tuple[str, str, str]] = field(default_factory=list)
    _strings: dict[str, str] = field(default_factory=dict)

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
        if self._strings:
            out.append('\t.section .rodata.lp_strings,"aMS",@progbits,1')
            for text, label in self._strings.items():
                escaped = text.replace("\\", "\\\\").replace('"', '\\"')
                out += [f"{label}:", f'\t.string "{escaped}"']
        return out
