# SPDX-License-Identifier: GPL-2.0-only
"""Names of the instructions on %xmm registers that the table of instructions has."""

from __future__ import annotations

from collections.abc import Iterator

_LOADS = (
    "movaps movups movapd movupd movdqa movdqu movd movntdq movntps movntpd movntdqa movddup "
    "movshdup movsldup lddqu movmskps movmskpd pmovmskb pshufd pshufhw pshuflw phminposuw "
    "rcpps rsqrtps roundps roundpd extractps "
)
_MERGES = (
    "movss movsd movhps movlps movhpd movlpd movhlps movlhps andps andpd andnps andnpd orps "
    "orpd xorps xorpd shufps shufpd unpckhps unpcklps unpckhpd unpcklpd rcpss rsqrtss "
    "addsubps addsubpd haddps haddpd hsubps hsubpd dpps dppd roundss roundsd blendps blendpd "
    "insertps pblendw pshufb palignr pand pandn por pxor pavgb pavgw pmaddwd pmaddubsw "
    "pmuludq pmuldq pmulhw pmulhuw pmulhrsw pmullw pmulld psadbw packssdw packsswb packuswb "
    "packusdw mpsadbw phaddw phaddd phaddsw phsubw phsubd phsubsw psignb psignw psignd "
)
_KINDS = ("ss", "sd", "ps", "pd")


def _loads() -> Iterator[str]:
    yield from _LOADS.split()
    yield from (f"pabs{size}" for size in "bwd")
    yield from (f"pextr{size}" for size in "bwdq")
    for size in "bw bd bq wd wq dq".split():
        yield from (f"pmovsx{size}", f"pmovzx{size}")
    yield from (
        f"cvt{kind}" for kind in "ps2pd pd2ps dq2ps dq2pd ps2dq pd2dq tps2dq tpd2dq".split()
    )
    for kind in "ss2si sd2si tss2si tsd2si".split():
        yield from (f"cvt{kind}{size}" for size in ("", "l", "q"))


def _merges() -> Iterator[str]:
    yield from _MERGES.split()
    for name in "add sub mul div min max sqrt cmp".split():
        yield from (name + kind for kind in _KINDS)
    for how in "eq lt le unord neq nlt nle ord".split():
        yield from (f"cmp{how}{kind}" for kind in _KINDS)
    for size in "b w d q sb sw usb usw".split():
        yield from (f"padd{size}", f"psub{size}")
    for size in "ub uw ud sb sw sd".split():
        yield from (f"pmin{size}", f"pmax{size}")
    for size in "bwdq":
        yield from (f"pcmpeq{size}", f"pcmpgt{size}", f"pinsr{size}")
    for size in "w d q dq".split():
        yield from (f"psll{size}", f"psrl{size}")
    yield from ("psraw", "psrad")
    for size in "bw wd dq qdq".split():
        yield from (f"punpckh{size}", f"punpckl{size}")
    yield from ("cvtss2sd", "cvtsd2ss")
    for kind in "si2ss si2sd".split():
        yield from (f"cvt{kind}{size}" for size in ("", "l", "q"))


# Those that overwrite their last operand; those that read it too, where it is a register; and those
# that set flags and nothing else.
SSE_LOADS = " ".join(_loads())
SSE_MERGES = " ".join(_merges())
SSE_COMPARISONS = "comiss comisd ucomiss ucomisd ptest"
