# SPDX-License-Identifier: GPL-2.0-only
"""What a real decoder says of instructions, against what the table of instructions says.

Instructions are assembled in one go, each under a label of its own, and decoded from the object.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from iced_x86 import (
    Decoder,
    FlowControl,
    Instruction,
    InstructionInfo,
    InstructionInfoFactory,
    OpAccess,
    Register,
    RegisterExt,
    RflagsBits,
)

from lp_build.projection.assembly import parse_assembly
from lp_build.projection.effects import (
    effect_of,
    flags_of,
    is_string,
    loads_only_into,
    memory_access,
    memory_of,
    read,
    string_pointers,
    written,
)
from lp_build.projection.instructions import ALL_FLAGS, Flow, flow_of
from lp_build.projection.items import InlineAsm, Insn, TlsCall, parse_instruction
from lp_build.projection.kernel_rules import problem_of
from lp_build.projection.operands import GENERAL, operands_of

_BITS = {flag: getattr(RflagsBits, f"{flag}F") for flag in ALL_FLAGS}
_NAMES = {getattr(Register, name.upper()): name for name in GENERAL}
_CHANGES = frozenset(
    (OpAccess.WRITE, OpAccess.COND_WRITE, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE)
)
_READS = frozenset(
    (OpAccess.READ, OpAccess.COND_READ, OpAccess.READ_WRITE, OpAccess.READ_COND_WRITE)
)
# Flags are neither arguments nor results, which a decoder can't know.
_BY_CONVENTION = ("call", "callq", "ret", "retq", "ud2")
_LABEL = "lp_insn_"
_VECTORS = {getattr(Register, f"XMM{number}"): f"xmm{number}" for number in range(16)}
_BYTE_PRODUCT = re.compile(r"^i?(?:mul|div)b$")
_OLDER = re.compile(r"^rep\w*\s+bs[fr]")
_FLOWS = {
    FlowControl.NEXT: Flow.NEXT,
    FlowControl.UNCONDITIONAL_BRANCH: Flow.JUMP,
    FlowControl.INDIRECT_BRANCH: Flow.JUMP,
    FlowControl.CONDITIONAL_BRANCH: Flow.BRANCH,
    FlowControl.XBEGIN_XABORT_XEND: Flow.BRANCH,
    FlowControl.CALL: Flow.CALL,
    FlowControl.INDIRECT_CALL: Flow.CALL,
    FlowControl.RETURN: Flow.RETURN,
    FlowControl.INTERRUPT: Flow.TRAP,
    FlowControl.EXCEPTION: Flow.TRAP,
}


def instructions_of(asm: str) -> Iterator[str]:
    """The instructions of a compiler's output, those of `asm` statements too."""
    for function in parse_assembly(asm).functions.values():
        for item in function.items:
            if isinstance(item, Insn):
                yield item.text
            elif isinstance(item, InlineAsm) and not isinstance(item, TlsCall):
                yield from (s for s in item.statements if ":" not in s and not s.startswith("."))


def decoded(texts: Iterable[str], assembler: str, folder: Path) -> list[tuple[Insn, Instruction]]:
    """Each of `texts`, as we read it and as the decoder does. Raises CalledProcessError."""
    kept = sorted(set(texts))
    if not kept:  # an object of nothing has no symbols to find it by
        return []
    source, target = folder / "instructions.s", folder / "instructions.o"
    # Labels of theirs are outside symbols here, which no local one can be.
    lines = [
        f"\t.globl {_LABEL}{number}\n{_LABEL}{number}:\n\t{text.replace('.L', 'outside_')}"
        for number, text in enumerate(kept)
    ]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run([assembler, "-c", str(source), "-o", str(target)], check=True)
    with open(target, "rb") as file:
        elf = ELFFile(file)
        section, table = elf.get_section_by_name(".text"), elf.get_section_by_name(".symtab")
        assert section is not None and isinstance(table, SymbolTableSection)
        code = section.data()
        offsets = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
    found = []
    for number, text in enumerate(kept):
        decoder = Decoder(64, code[offsets[f"{_LABEL}{number}"] :])
        found.append((parse_instruction(0, text), decoder.decode()))
    return found


def complaints(pairs: Sequence[tuple[Insn, Instruction]]) -> list[str]:
    """Where the table and the decoder disagree on what is read, written and accessed."""
    factory = InstructionInfoFactory()
    found: list[str] = []
    for insn, real in pairs:
        info = factory.info(real)
        for complaint in (
            *_flags(insn, real),
            *_written(insn, info),
            *_read(insn, info),
            *_flow(insn, real),
            *_memory(insn, real, info),
            *_load(insn, info),
            *_kernel(insn, real, info),
        ):
            found.append(f"{insn.text}: {complaint}")
    return found


def _flags(insn: Insn, real: Instruction) -> Iterator[str]:
    reads, ends = flags_of(insn)
    for flag, bit in _BITS.items():
        if real.rflags_read & bit and flag not in reads:
            yield f"reads {flag}F"
        if flag in ends and not real.rflags_modified & bit and insn.mnemonic not in _BY_CONVENTION:
            yield f"leaves {flag}F"


def _registers(info: InstructionInfo, accesses: Container[int]) -> set[str]:
    """The registers that the decoder sees accessed so, by their names here."""
    names = (
        _NAMES.get(RegisterExt.full_register(used.register), _VECTORS.get(used.register))
        for used in info.used_registers()
        if used.access in accesses
    )
    return {name for name in names if name is not None}


def _is_one_for_all(insn: Insn) -> bool:
    """Whether one row stands for instructions that access different registers: those with and
    without `rep`, products of bytes, which %rdx has no part in, and `rep bsf`, which processors
    take for `tzcnt` or for `bsf`."""
    return is_string(insn) or bool(_BYTE_PRODUCT.match(insn.mnemonic) or _OLDER.match(insn.text))


def _written(insn: Insn, info: InstructionInfo) -> Iterator[str]:
    changed, real = written(insn), _registers(info, _CHANGES)
    if changed is None:
        return
    yield from (f"changes %{name}" for name in real - changed)
    if not _is_one_for_all(insn):
        yield from (f"doesn't change %{name}" for name in changed - real)


def _read(insn: Insn, info: InstructionInfo) -> Iterator[str]:
    # What is written on a condition keeps its value otherwise.
    needed, real = read(insn), _registers(info, _READS | {OpAccess.COND_WRITE})
    if needed is None:
        return
    yield from (f"reads %{name}" for name in real - needed)
    operands = operands_of(insn)
    # A difference of a register from itself is a constant; what a hint's address is, is not read.
    constant = len(operands) == 2 and operands[0] == operands[1]
    row = effect_of(insn)
    if not (_is_one_for_all(insn) or constant or row is None or "a" in row.operands):
        yield from (f"doesn't read %{name}" for name in (needed - real) & GENERAL)


def _flow(insn: Insn, real: Instruction) -> Iterator[str]:
    flow = flow_of(insn.mnemonic)
    # That the system is asked, or that it traps outside of it, is ours to know.
    if effect_of(insn) is None or flow is Flow.SYSTEM or real.is_privileged:
        return
    if _FLOWS.get(real.flow_control) is not flow:
        yield f"goes on otherwise than {flow}"


def _memory(insn: Insn, real: Instruction, info: InstructionInfo) -> Iterator[str]:
    access = memory_access(insn)
    if effect_of(insn) is None:
        return  # nothing is promised
    memory, letter = access if access is not None else (None, "")
    seen: set[int] = set()
    for used in info.used_memory():
        if used.access == OpAccess.NO_MEM_ACCESS:
            continue
        base, index = _NAMES.get(used.base, ""), _NAMES.get(used.index, "")
        if is_string(insn):
            if base not in string_pointers(insn):
                yield f"accesses memory at %{base}"
        elif real.is_stack_instruction and (
            memory is None or (base, index) == ("rsp", "") != (memory.base, memory.index)
        ):
            continue  # the stack's own accesses, and those of `leave`, stay within the frame
        elif memory is None or {base, index} - {memory.base, memory.index}:
            yield f"accesses memory at %{base} and %{index}"
        else:
            seen.add(used.access)
    if memory is None or real.is_stack_instruction:
        return
    if bool(seen & _CHANGES) != (letter in "wx"):
        yield f"its memory is not {letter}: whether it is written"
    if bool(seen & (_READS | {OpAccess.COND_WRITE})) != (letter in "rx"):
        yield f"its memory is not {letter}: whether it is read"


def _load(insn: Insn, info: InstructionInfo) -> Iterator[str]:
    target, memory = loads_only_into(insn), memory_of(insn)
    if not target or memory is None:
        return
    accesses = {
        used.access
        for used in info.used_registers()
        if _NAMES.get(RegisterExt.full_register(used.register)) == target
    }
    if OpAccess.WRITE not in accesses:
        yield f"doesn't overwrite %{target}"
    if accesses & _READS and target not in (memory.base, memory.index):
        yield f"reads %{target}"


def _kernel(insn: Insn, real: Instruction, info: InstructionInfo) -> Iterator[str]:
    """What the kernel form would run, and must not."""
    if problem_of(insn):
        return
    if real.is_privileged or real.is_save_restore_instruction:
        yield "is privileged, or keeps the processor's state"
    # The call conventions want DF clear.
    if real.rflags_modified & (RflagsBits.IF | RflagsBits.AC) or real.rflags_set & RflagsBits.DF:
        yield "changes flags of the system"
    for used in info.used_registers():
        ordinary = RegisterExt.is_gpr(used.register) or RegisterExt.is_xmm(used.register)
        if used.access in _CHANGES and not ordinary:
            yield "changes a register that is not the thread's alone"
