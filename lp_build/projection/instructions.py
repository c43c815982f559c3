# SPDX-License-Identifier: GPL-2.0-only
"""The table of x86-64 instructions: what each reads, writes, does to flags and to memory, where it
goes on, how it may trap, and whether the kernel form may have it.

A row says all that both forms of Elite, and their analysis, know of an instruction; one that has no
row is taken to read all flags and to write everything, and the kernel form leaves it to the
Fallback. So the table's rows for the kernel only compute, load, store and jump. Source: Intel SDM
volume 2. tests/projection/ asks a decoder the same of all that compilers write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lp_build.projection.sse import SSE_COMPARISONS, SSE_LOADS, SSE_MERGES
from lp_build.projection.stops import Text

# Carry, parity, adjust, zero, sign, overflow.
FLAGS = "CPAZSO"
ALL_FLAGS = frozenset(FLAGS)
_CONDITIONS = {
    "O": "o no",
    "C": "b c nae ae nb nc",
    "Z": "e z ne nz",
    "CZ": "be na a nbe",
    "S": "s ns",
    "P": "p pe np po",
    "SO": "l nge ge nl",
    "ZSO": "le ng g nle",
}


class Flow(Text):
    """Where an instruction goes on."""

    NEXT = "to the next one"
    JUMP = "elsewhere"
    BRANCH = "to the next one, or elsewhere"
    CALL = "elsewhere, and then to the next one"
    RETURN = "to the caller"
    TRAP = "nowhere"
    SYSTEM = "to the system"


class Trap(Text):
    """How it traps, apart from what its memory operand may do."""

    NEVER = "never"
    DIVIDE = "a divide error, by its operands"
    ALWAYS = "always"


@dataclass(frozen=True)
class Instruction:
    """A row.

    operands: what becomes of those that are written out, the last letter for the last one in AT&T
    order, and `r` for those that have none: `r` read, `w` overwritten, `x` read and written, `m`
    merged (a register is read and written, memory only written), `a` an address that is computed
    and not accessed. changes: registers that it may write besides these; None: any. uses: those
    that it may read besides. reads: flags that it may read; ends: flags that it surely overwrites
    or leaves undefined. string: registers that its implied operands are at. moves: it does no more
    than move, or extend, its first operand to its last. kernel: the kernel form may run it.
    """

    operands: str = "x"
    changes: tuple[str, ...] | None = ()
    uses: tuple[str, ...] = ()
    reads: str = ""
    ends: str = ""
    flow: Flow = Flow.NEXT
    trap: Trap = Trap.NEVER
    string: tuple[str, ...] = ()
    moves: bool = False
    kernel: bool = True

    @property
    def access(self) -> tuple[str, ...]:
        """The letters of `operands`."""
        return tuple(self.operands)


SHIFTS = "shl shr sal sar"
_STRING_REGISTERS = ("rsi", "rdi", "rcx", "rax")


def _string(*pointers: str) -> Instruction:
    """A row for all sizes and prefixes: what some of them read or change."""
    return Instruction("", _STRING_REGISTERS, _STRING_REGISTERS, string=pointers)


_MOVE = Instruction("w", moves=True)
_TEST = Instruction("r", ends=FLAGS)
_HINT = Instruction("a")
_SYSTEM = Instruction("r", None, reads=FLAGS, flow=Flow.SYSTEM, kernel=False)
# Mnemonics with any of the suffixes b, w, l, q or none; then those that have no suffix.
_SUFFIXED = (
    (_MOVE, "mov"),
    (Instruction("w"), "movbe movnti pdep pext sarx shlx shrx rorx"),
    (Instruction("aw"), "lea"),
    (Instruction("x"), "not bswap crc32 shld shrd rol ror"),
    (Instruction("x", ends=FLAGS), "add sub neg and or xor imul bsf bsr"),
    (
        Instruction("w", ends=FLAGS),
        "popcnt lzcnt tzcnt andn blsr blsi blsmsk bextr bzhi rdrand rdseed",
    ),
    (_TEST, "cmp test"),
    (Instruction("r", ("rax", "rdx"), ("rax",), ends=FLAGS), "mul"),
    (
        Instruction("r", ("rax", "rdx"), ("rax", "rdx"), ends=FLAGS, trap=Trap.DIVIDE),
        "div idiv",
    ),
    (Instruction("x", reads="C", ends=FLAGS), "adc sbb"),
    (Instruction("x", reads="C"), "rcl rcr"),
    (Instruction("x", reads="C", ends="C"), "adcx"),
    (Instruction("x", reads="O", ends="O"), "adox"),
    (Instruction("x", ends="PAZSO"), "inc dec"),
    (Instruction("x", ends="C"), "bts btr btc"),
    (Instruction("r", ends="C"), "bt"),
    (Instruction("ww", (), ("rdx",)), "mulx"),
    (Instruction("xx"), "xchg"),
    (Instruction("xx", ends=FLAGS), "xadd"),
    (Instruction("x", ("rax",), ("rax",), ends=FLAGS), "cmpxchg"),
    (Instruction("r", ("rsp",), ("rsp",)), "push"),
    (Instruction("w", ("rsp",), ("rsp",)), "pop"),
    (_HINT, "nop"),
    (Instruction("x"), SHIFTS),
    (_string("rsi", "rdi"), "movs cmps"),
    (_string("rdi"), "stos scas"),
    (_string("rsi"), "lods"),
)
_UNSUFFIXED = (
    (
        _MOVE,
        ("movzbw movzbl movzbq movzwl movzwq movsbw movsbl movsbq movswl movswq movslq movabs"),
    ),
    (Instruction("w"), "movabsq movsx movzx movsxd"),
    (Instruction("", ("rax",), ("rax",)), "cltq cwtl cbtw cdqe cwde cbw"),
    (Instruction("", ("rdx",), ("rax",)), "cqto cltd cwtd cqo cdq cwd"),
    (
        Instruction("x", ("rax", "rdx"), ("rax", "rbx", "rcx", "rdx"), ends="Z"),
        "cmpxchg8b cmpxchg16b",
    ),
    (Instruction("", ("rbp", "rsp"), ("rbp",)), "leave leaveq"),
    (Instruction("", ("rax", "rdx")), "rdtsc"),
    (Instruction("", ("rax", "rdx"), ("rcx",)), "xgetbv"),
    (Instruction("", ("rax", "rdx", "rcx")), "rdtscp"),
    (Instruction("", ("rax", "rbx", "rcx", "rdx"), ("rax", "rcx")), "cpuid"),
    (_HINT, "prefetchnta prefetcht0 prefetcht1 prefetcht2 prefetchw"),
    (Instruction(""), "pause lfence mfence sfence endbr64 cld"),
    (Instruction("", ends="C"), "clc stc"),
    (Instruction("", reads="C", ends="C"), "cmc"),
    (Instruction("", ("rax",), reads="CPAZS"), "lahf"),
    (Instruction("", (), ("rax",), ends="CPAZS"), "sahf"),
    (Instruction("", ("rsp",), ("rsp",), reads=FLAGS), "pushfq pushf"),
    (Instruction("r", flow=Flow.JUMP), "jmp jmpq"),
    # No flag is an argument or a result.
    (Instruction("r", None, ("rsp",), ends=FLAGS, flow=Flow.CALL), "call callq"),
    (Instruction("r", ("rsp",), ("rsp",), ends=FLAGS, flow=Flow.RETURN), "ret retq"),
    (Instruction("", ends=FLAGS, flow=Flow.TRAP, trap=Trap.ALWAYS, kernel=False), "ud2"),
    (
        Instruction("", None, reads=FLAGS, flow=Flow.TRAP, trap=Trap.ALWAYS, kernel=False),
        "hlt int3",
    ),
    (Instruction("r", (), ("rcx",), flow=Flow.BRANCH), "jcxz jecxz jrcxz"),
    (Instruction("r", ("rcx",), ("rcx",), flow=Flow.BRANCH), "loop"),
    (
        Instruction("r", ("rcx",), ("rcx",), reads="Z", flow=Flow.BRANCH),
        "loope loopz loopne loopnz",
    ),
    (Instruction("r", None, reads=FLAGS, flow=Flow.BRANCH, kernel=False), "xbegin"),
    (_SYSTEM, "syscall sysenter int iret iretq lret lretq sysret sysretq wrfsbase"),
    (Instruction("m"), SSE_MERGES),
    (Instruction("w"), SSE_LOADS),
    (_TEST, SSE_COMPARISONS),
    (Instruction("x", (), ("xmm0",)), "blendvps blendvpd pblendvb"),
    (Instruction("r", ("rcx",), ends=FLAGS), "pcmpistri"),
    (Instruction("r", ("rcx",), ("rax", "rdx"), ends=FLAGS), "pcmpestri"),
    (Instruction("r", ("xmm0",), ends=FLAGS), "pcmpistrm"),
    (Instruction("r", ("xmm0",), ("rax", "rdx"), ends=FLAGS), "pcmpestrm"),
)


def _rows() -> Iterator[tuple[str, Instruction]]:
    for row, names in _SUFFIXED:
        yield from ((name + size, row) for name in names.split() for size in ("", *"bwlq"))
    for row, names in _UNSUFFIXED:
        yield from ((name, row) for name in names.split())
    for flags, names in _CONDITIONS.items():
        for name in names.split():
            yield f"j{name}", Instruction("r", reads=flags, flow=Flow.BRANCH)
            yield f"set{name}", Instruction("w", reads=flags)
            yield from (
                (f"cmov{name}{size}", Instruction("x", reads=flags)) for size in ("", *"wlq")
            )


def _table() -> dict[str, Instruction]:
    table: dict[str, Instruction] = {}
    for name, row in _rows():
        if table.setdefault(name, row) != row:
            raise ValueError(f"two rows for {name}")
    return table


INSTRUCTIONS: Mapping[str, Instruction] = _table()
# Conditional branches, and those that jump when they don't.
INVERSE = {
    "ja": "jbe", "jbe": "ja", "jae": "jb", "jb": "jae", "jc": "jnc", "jnc": "jc",
    "je": "jne", "jne": "je", "jg": "jle", "jle": "jg", "jge": "jl", "jl": "jge",
    "jo": "jno", "jno": "jo", "jp": "jnp", "jnp": "jp", "js": "jns", "jns": "js",
    "jz": "jnz", "jnz": "jz", "jna": "ja", "jnae": "jae", "jnb": "jb", "jnbe": "jbe",
    "jng": "jg", "jnge": "jge", "jnl": "jl", "jnle": "jle", "jpe": "jpo", "jpo": "jpe",
}  # fmt: skip


def row_of(mnemonic: str) -> Instruction | None:
    """The row of a mnemonic without prefixes; None for one that has none."""
    return INSTRUCTIONS.get(mnemonic)


def flow_of(mnemonic: str) -> Flow:
    """Where it goes on; to the next one, where it has no row."""
    row = INSTRUCTIONS.get(mnemonic)
    return Flow.NEXT if row is None else row.flow


def is_branch(mnemonic: str) -> bool:
    """Whether it may jump."""
    return flow_of(mnemonic) in (Flow.JUMP, Flow.BRANCH)
