"""What one x86-64 instruction of the compiler's touches: memory, flags, registers.

AT&T syntax as gcc and clang write it. Source: Intel SDM volume 2 (which flags and registers an
instruction reads and writes). What is not known here is taken to read flags and to write
everything: callers then do the slower, safe thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lp_build.projection.assembly import Insn

_WIDE = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
_REGISTER = re.compile(r"%(\w+)")
_MEMORY = re.compile(
    r"^(?:%(?P<segment>[defgs]s):)?(?P<disp>[^()%]*)"
    r"(?:\((?P<base>%\w+)?(?:,\s*(?P<index>%\w+))?(?:,\s*(?P<scale>\d))?\))?$"
)
_NUMBER = re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|\d+)?$")
_STRING = re.compile(r"^(?:movs|stos|lods|cmps|scas)[bwlq]?$")
_NO_ACCESS = re.compile(r"^(?:lea[wlq]?|nop[wl]?|prefetch\w*|endbr64)$")
# Instructions that read the flags, by their beginnings; jcc, setcc and cmovcc among them.
_READS_FLAGS = re.compile(
    r"^(?:j(?!mp)\w+|set\w+|cmov\w+|fcmov\w+|adc\w*|sbb\w*|rcl\w*|rcr\w*|pushf\w*|lahf|into|loop\w*)$"
)
# Those that write all the flags that compilers read, without reading any.
_WRITES_FLAGS = re.compile(
    r"^(?:add|sub|cmp|test|and|or|xor|neg|imul|mul|comis[sd]|ucomis[sd]|popf|popcnt|ptest|tzcnt|"
    r"lzcnt|andn|bls\w+|bextr|bzhi|cmpxchg|xadd)[bwlq]?$"
)
_ONLY_READS = re.compile(
    r"^(?:cmp[bwlq]?|test[bwlq]?|push[wlq]?|bt[wlq]?|u?comis[sd]|ptest|nop\w*|prefetch\w*|j\w+|"
    r"div[bwlq]?|idiv[bwlq]?|mul[bwlq]?)$"
)
_WRITES_BOTH = re.compile(r"^(?:xchg|xadd|cmpxchg)[bwlq]?$")
_IMPLICIT = (
    (re.compile(r"^(?:i?mul|i?div)[bwlq]?$"), ("rax", "rdx")),
    (re.compile(r"^(?:cqto|cltd|cwtd|cqo|cdq)$"), ("rdx",)),
    (re.compile(r"^(?:cltq|cwtl|cbtw|cdqe)$"), ("rax",)),
    (re.compile(r"^cmpxchg[bwlq]?$"), ("rax",)),
    (re.compile(r"^leaveq?$"), ("rbp", "rsp")),
    (_STRING, ("rsi", "rdi", "rcx", "rax")),
)
_KNOWN_WRITER = re.compile(
    r"^(?:(?:mov|cmov|set|lea|add|sub|and|or|xor|neg|not|inc|dec|sh[lr]d?|sa[lr]|ro[lr]|adc|sbb|imul|"
    r"mul|i?div|cmp|test|push|pop|xchg|xadd|cmpxchg|bt[src]?|bs[fr]|bswap|popcnt|lzcnt|tzcnt|nop|"
    r"c[wldq]t|cqo|cdq|leave|j|p(?:add|sub|xor|and|or|unpck|shuf|cmp|insr|extr|sll|srl|sra)|punpck|"
    r"u?comis|cvt|endbr|rep|prefetch|sarx|shlx|shrx|rorx|andn|bls|bextr|bzhi)\w*|"
    r"(?:movs|stos|lods|cmps|scas)[bwlq])$"
)


@dataclass(frozen=True)
class Memory:
    """A memory operand. base, index: 64-bit register names without `%`, "" for none; disp: the
    displacement's text (numbers, symbols); segment: "fs", "gs" or ""."""

    text: str
    base: str
    index: str
    scale: int
    disp: str
    segment: str

    @property
    def number(self) -> int | None:
        """The displacement, where it is a number (0 for none)."""
        return int(self.disp, 0) if _NUMBER.match(self.disp) and self.disp else _empty(self.disp)

    def below(self, depth: int) -> str:
        """The operand's text where %rsp has become lower by `depth` bytes."""
        if self.base != "rsp" or not depth:
            return self.text
        return self.text.replace(f"{self.disp}(", f"{depth}+{self.disp or '0'}(", 1)


def _empty(disp: str) -> int | None:
    return 0 if not disp else None


def operands_of(insn: Insn) -> list[str]:
    """The operands, split at commas outside of parentheses."""
    parts: list[str] = []
    depth, begin = 0, 0
    text = insn.operands
    for position, character in enumerate(text):
        if character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and not depth:
            parts.append(text[begin:position].strip())
            begin = position + 1
    if text.strip():
        parts.append(text[begin:].strip())
    return parts


def wide(name: str) -> str:
    """The 64-bit register that `name` (without `%`) is a part of: "al" gives "rax"."""
    if name.startswith("r") and len(name) > 1 and name[1].isdigit():
        return name.rstrip("dwbl")
    if name[0] in "re" and name[1:] in _WIDE:
        return f"r{name[1:]}"
    if name in _WIDE:
        return f"r{name}"
    if len(name) == 2 and name[1] in "lh" and name[0] in "abcd":
        return f"r{name[0]}x"
    if name in ("sil", "dil", "bpl", "spl"):
        return f"r{name[:2]}"
    return name


def is_register(operand: str) -> bool:
    """Whether an operand is a register, whole (not `%fs:0`)."""
    return operand.startswith("%") and ":" not in operand and "(" not in operand


def is_string(insn: Insn) -> bool:
    """Whether it is a string instruction (`movsq`, `stosb`…), which has its operands implied; clang
    writes them all the same."""
    if not _STRING.match(insn.mnemonic):
        return False
    extends = insn.mnemonic.startswith("movs") and any(map(is_register, operands_of(insn)))
    return not extends


def string_pointers(insn: Insn) -> tuple[str, ...]:
    """The registers that a string instruction's operands are at."""
    source, target = ("rsi",), ("rdi",)
    match insn.mnemonic[:4]:
        case "lods":
            return source
        case "stos" | "scas":
            return target
    return (*source, *target)


def memory_of(insn: Insn) -> Memory | None:
    """The memory operand that the instruction accesses; None: none (implied ones don't count)."""
    if _NO_ACCESS.match(insn.mnemonic) or is_string(insn):
        return None
    for operand in operands_of(insn):
        text = operand.lstrip("*")
        if text.startswith("$") or is_register(text):
            continue
        match = _MEMORY.match(text)
        if match is None:
            continue
        base, index = match["base"] or "", match["index"] or ""
        return Memory(
            text,
            wide(base[1:]) if base else "",
            wide(index[1:]) if index else "",
            int(match["scale"] or 1),
            match["disp"].strip(),
            match["segment"] or "",
        )
    return None


def may_divide_by_zero(insn: Insn) -> bool:
    """Whether it can raise a divide error."""
    return bool(re.match(r"^i?div[bwlq]?$", insn.mnemonic))


def written(insn: Insn) -> frozenset[str] | None:
    """64-bit registers that it may change; None: perhaps any."""
    if not _KNOWN_WRITER.match(insn.mnemonic):
        return None
    found: set[str] = set()
    operands = operands_of(insn)
    if operands and not _ONLY_READS.match(insn.mnemonic) and is_register(operands[-1]):
        found.add(wide(operands[-1][1:]))
    if _WRITES_BOTH.match(insn.mnemonic):
        found.update(wide(o[1:]) for o in operands if is_register(o))
    if not (insn.mnemonic.startswith("imul") and len(operands) > 1):
        for pattern, registers in _IMPLICIT:
            if pattern.match(insn.mnemonic):
                found.update(registers)
    return frozenset(found)


def loads_only_into(insn: Insn) -> str:
    """The 64-bit register that a plain load from memory overwrites without reading it, or ""."""
    operands = operands_of(insn)
    if len(operands) != 2 or not is_register(operands[1]):
        return ""
    if not re.match(r"^mov(?:[lq]|abs|z[bw][wlq]|s[bwl][wlq]|slq|zbl|zwl)?$", insn.mnemonic):
        return ""
    name = operands[1][1:]
    # Writing the low 32 bits clears the others; 8 and 16 bits leave them.
    if wide(name) == name or name.endswith("d") or (name[0] == "e" and len(name) == 3):
        return wide(name)
    return ""


def flags_end(insn: Insn) -> bool | None:
    """Whether an instruction reads the flags (True) or ends their life (False); None: neither."""
    if _READS_FLAGS.match(insn.mnemonic):
        return True
    if insn.mnemonic in ("call", "callq", "ret", "retq") or _WRITES_FLAGS.match(insn.mnemonic):
        return False
    # Shifts by zero keep the flags, inc and dec keep the carry: they are no end to it.
    return None
