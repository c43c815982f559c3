# SPDX-License-Identifier: GPL-2.0-only
"""What each x86-64 instruction that the projection knows changes and reads, its memory apart.

Source: Intel SDM volume 2. The table has only instructions that do nothing but compute, load, store
and jump: the kernel form leaves all others to the Fallback. tests/projection/test_operands.py asks
a decoder the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

# Carry, parity, adjust, zero, sign, overflow.
ALL_FLAGS = frozenset("CPAZSO")
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


class Writes(Enum):
    """Which of its operands an instruction may change, where they are registers."""

    NONE = 0
    LAST = 1
    LAST_TWO = 2
    ALL = 3


@dataclass(frozen=True)
class Effect:
    """What an instruction does, its memory operand apart. changes: registers besides its operands;
    reads: flags that it may read; ends: flags that it surely overwrites or leaves undefined."""

    writes: Writes = Writes.LAST
    changes: tuple[str, ...] = ()
    reads: str = ""
    ends: str = ""


SHIFTS = "shl shr sal sar"
# Mnemonics with any of the suffixes b, w, l, q or none; then those that have no suffix.
_SUFFIXED = (
    (
        Effect(),
        "mov not bswap movbe movnti lea crc32 pdep pext sarx shlx shrx rorx shld shrd rol ror",
    ),
    (
        Effect(ends="CPAZSO"),
        (
            "add sub neg and or xor imul popcnt lzcnt tzcnt bsf bsr andn blsr blsi "
            "blsmsk bextr bzhi rdrand rdseed"
        ),
    ),
    (Effect(Writes.NONE, ends="CPAZSO"), "cmp test"),
    (Effect(Writes.NONE, ("rax", "rdx"), ends="CPAZSO"), "mul div idiv"),
    (Effect(reads="C", ends="CPAZSO"), "adc sbb"),
    (Effect(reads="C"), "rcl rcr"),
    (Effect(reads="C", ends="C"), "adcx"),
    (Effect(reads="O", ends="O"), "adox"),
    (Effect(ends="PAZSO"), "inc dec"),
    (Effect(ends="C"), "bts btr btc"),
    (Effect(Writes.NONE, ends="C"), "bt"),
    (Effect(Writes.LAST_TWO), "mulx"),
    (Effect(Writes.ALL), "xchg"),
    (Effect(Writes.ALL, ends="CPAZSO"), "xadd"),
    (Effect(Writes.LAST, ("rax",), ends="CPAZSO"), "cmpxchg"),
    (Effect(Writes.NONE, ("rsp",)), "push"),
    (Effect(Writes.LAST, ("rsp",)), "pop"),
    (Effect(Writes.NONE), "nop"),
    (Effect(), SHIFTS),
    (Effect(Writes.NONE, ("rsi", "rdi", "rcx", "rax")), "movs stos lods cmps scas"),
)
_UNSUFFIXED = (
    (
        Effect(),
        (
            "movabsq movabs movzbw movzbl movzbq movzwl movzwq movsbw movsbl movsbq movswl movswq "
            "movslq movsx movzx movsxd"
        ),
    ),
    (Effect(Writes.NONE, ("rax",)), "cltq cwtl cbtw cdqe cwde cbw"),
    (Effect(Writes.NONE, ("rdx",)), "cqto cltd cwtd cqo cdq cwd"),
    (Effect(Writes.NONE, ("rax", "rdx"), ends="Z"), "cmpxchg8b cmpxchg16b"),
    (Effect(Writes.NONE, ("rbp", "rsp")), "leave leaveq"),
    (Effect(Writes.NONE, ("rax", "rdx")), "rdtsc xgetbv"),
    (Effect(Writes.NONE, ("rax", "rdx", "rcx")), "rdtscp"),
    (Effect(Writes.NONE, ("rax", "rbx", "rcx", "rdx")), "cpuid"),
    (
        Effect(Writes.NONE),
        (
            "pause lfence mfence sfence endbr64 prefetchnta prefetcht0 prefetcht1 "
            "prefetcht2 prefetchw cld jmp jmpq"
        ),
    ),
    (Effect(Writes.NONE, ends="C"), "clc stc"),
    (Effect(Writes.NONE, reads="C", ends="C"), "cmc"),
    (Effect(Writes.NONE, ("rax",), reads="CPAZS"), "lahf"),
    (Effect(Writes.NONE, ends="CPAZS"), "sahf"),
    (Effect(Writes.NONE, ("rsp",), reads="CPAZSO"), "pushfq pushf"),
    (Effect(Writes.NONE, ("rsp",), ends="CPAZSO"), "call callq"),
    (Effect(Writes.NONE, ("rsp",), ends="CPAZSO"), "ret retq"),
    (Effect(Writes.NONE, ends="CPAZSO"), "ud2"),
    (Effect(Writes.NONE), "jcxz jecxz jrcxz"),
    (Effect(Writes.NONE, ("rcx",)), "loop"),
    (Effect(Writes.NONE, ("rcx",), reads="Z"), "loope loopz loopne loopnz"),
)
_SSE = (
    "movaps movups movapd movupd movdqa movdqu movd movq movss movsd movhps movlps movhpd "
    "movlpd movhlps movlhps movmskps movmskpd movntdq movntps movntpd movntdqa movddup movshdup "
    "movsldup lddqu andps andpd andnps andnpd orps orpd xorps xorpd shufps shufpd unpckhps "
    "unpcklps unpckhpd unpcklpd rcpps rcpss rsqrtps rsqrtss addsubps addsubpd haddps haddpd "
    "hsubps hsubpd dpps dppd roundps roundpd roundss roundsd blendps blendpd blendvps blendvpd "
    "insertps extractps pblendvb pblendw pshufb pshufd pshufhw pshuflw palignr pand pandn por "
    "pxor pavgb pavgw pmaddwd pmaddubsw pmuludq pmuldq pmulhw pmulhuw pmulhrsw pmullw pmulld "
    "psadbw pmovmskb packssdw packsswb packuswb packusdw mpsadbw phminposuw phaddw phaddd "
    "phaddsw phsubw phsubd phsubsw psignb psignw psignd"
)
_KINDS = ("ss", "sd", "ps", "pd")
_CONVERSIONS = "ss2sd sd2ss ps2pd pd2ps dq2ps dq2pd ps2dq pd2dq tps2dq tpd2dq"


def _sse() -> Iterator[str]:
    """Instructions on %xmm registers that change no flags."""
    yield from _SSE.split()
    for name in "add sub mul div min max sqrt cmp".split():
        yield from (name + kind for kind in _KINDS)
    for how in "eq lt le unord neq nlt nle ord".split():
        yield from (f"cmp{how}{kind}" for kind in _KINDS)
    for size in "b w d q sb sw usb usw".split():
        yield from (f"padd{size}", f"psub{size}")
    yield from (f"pabs{size}" for size in "bwd")
    for size in "ub uw ud sb sw sd".split():
        yield from (f"pmin{size}", f"pmax{size}")
    for size in "bwdq":
        yield from (f"pcmpeq{size}", f"pcmpgt{size}", f"pinsr{size}", f"pextr{size}")
    for size in "w d q dq".split():
        yield from (f"psll{size}", f"psrl{size}")
    yield from ("psraw", "psrad")
    for size in "bw wd dq qdq".split():
        yield from (f"punpckh{size}", f"punpckl{size}")
    for size in "bw bd bq wd wq dq".split():
        yield from (f"pmovsx{size}", f"pmovzx{size}")
    yield from (f"cvt{kind}" for kind in _CONVERSIONS.split())
    for kind in "si2ss si2sd ss2si sd2si tss2si tsd2si".split():
        yield from (f"cvt{kind}{size}" for size in ("", "l", "q"))


_SSE_FLAGS = (
    (Effect(Writes.NONE, ends="CPAZSO"), "comiss comisd ucomiss ucomisd ptest"),
    (Effect(Writes.NONE, ("rcx",), ends="CPAZSO"), "pcmpistri pcmpestri"),
    (Effect(Writes.NONE, ends="CPAZSO"), "pcmpistrm pcmpestrm"),
)


def _effects() -> dict[str, Effect]:
    known: dict[str, Effect] = {}
    for effect, names in _SUFFIXED:
        known.update((name + size, effect) for name in names.split() for size in ("", *"bwlq"))
    for table in (_UNSUFFIXED, _SSE_FLAGS):
        for effect, names in table:
            known.update((name, effect) for name in names.split())
    known.update((name, Effect()) for name in _sse())
    for flags, names in _CONDITIONS.items():
        for name in names.split():
            known[f"j{name}"] = Effect(Writes.NONE, reads=flags)
            known[f"set{name}"] = Effect(reads=flags)
            known.update((f"cmov{name}{size}", Effect(reads=flags)) for size in ("", *"wlq"))
    return known


EFFECTS: Mapping[str, Effect] = _effects()
