# SPDX-License-Identifier: GPL-2.0-only
"""The kernel form of Elite code, run in one process: what it does can be told apart from where it
runs. Its sections become ordinary ones, and kernel_form.S stands for the driver."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
# Text and return addresses join the in-process copy's, so that its runtime finds them.
_SECTIONS = {
    "lp_kernel_text": '\t.section lp_elite_text,"ax",@progbits',
    "lp_kernel_returns": '\t.section lp_returns,"aw",@progbits',
    "lp_kernel_sites": '\t.section lp_harness_sites,"aw",@progbits',
    "lp_kernel_entries": '\t.section lp_harness_entries,"a",@progbits',
    "lp_kernel_extable": '\t.section lp_harness_extable,"a",@progbits',
    "lp_kernel_fp": '\t.section lp_harness_fp,"a",@progbits',
}
_FORM = re.compile(r"\blp_form_(\w+)\.lp_kernel\b")


def run_here(text: str, *, stand_ins: bool = True) -> str:
    """The projection's text, its requests beginning in the kernel form. stand_ins: with the
    library's functions in the place of forms."""
    for name, section in _SECTIONS.items():
        text = text.replace(f'\t.section {name},"",@progbits', section)
    text = re.sub(r"(\.set lp_request_elite, .*)\.lp_elite", r"\1.lp_kernel", text)
    text = re.sub(r"\blp_k_(\w+)", r"lp_harness_\1", text)
    text = re.sub(r"\blp_kernel_(budget|limit)@tpoff", r"lp_harness_tls_\1@tpoff", text)
    forms = sorted(set(_FORM.findall(text))) if stand_ins else []
    stubs = ['\t.section .text.lp_harness_forms,"ax",@progbits']
    for form in forms:
        stubs += [f"lp_form_{form}.lp_kernel:", f"\tjmp {form}"]
    return text + "\n".join(stubs) + "\n"


def sources() -> list[Path]:
    """What a program in this form is linked with."""
    return [HERE / "kernel_form.S", HERE / "kernel_form.c"]
