# SPDX-License-Identifier: GPL-2.0-only
"""The in-process runtime of one program: its templates rendered, and how to compile all of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lp_build.config import Config
from lp_build.render import Rendered, render
from lp_build.resources import resource_dir

_COMMON = (
    *("-O2", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra"),
    *("-fno-pic", "-fno-pie", "-mno-red-zone", "-fno-stack-protector"),
    "-fasynchronous-unwind-tables",
)
# Code that runs while the application's vector registers are live: it uses none, and the compiler
# must not make library calls of its loops.
_GENERAL = (*_COMMON, "-mgeneral-regs-only", "-fno-builtin")
_ASSEMBLY = ("-g", "-Wa,--fatal-warnings")

# The parts and their flags: a file of c_runtime/, by its room, or the template of that name (less
# .j2).
_PARTS: dict[str, tuple[str, ...]] = {
    "user_driver.c": _COMMON,
    "dispatch/entry_stubs.S": _ASSEMBLY,
    "save_and_switch_elite.S": _ASSEMBLY,
    "stack_allocator.c": _GENERAL,
    "deopt/address_tables.c": _GENERAL,
    "deopt/address_lookup.S": _ASSEMBLY,
    "deopt/deopt_stubs.S": _ASSEMBLY,
    "deopt/crossing.c": _GENERAL,
    "kernel_side/enter.S": _ASSEMBLY,
    "kernel_side/text.S": _ASSEMBLY,
    "deopt/deopt.c": _GENERAL,
    "deopt/backtrace.c": _COMMON,
    "kernel_side/run.c": _GENERAL,
    "kernel_side/attach.c": _COMMON,
    "statistics/message.c": _COMMON,
    "dispatch/fp.c": _COMMON,
    "dispatch/fp_state.S": _ASSEMBLY,
    "kernel_side/forms.c": _COMMON,
    "dispatch/imports.c": _COMMON,
    "dispatch/thread_stack.c": _GENERAL,
    "dispatch/slot_map.c": _COMMON,
    "dispatch/overflow.c": _COMMON,
    "statistics/stats.c": _COMMON,
    "statistics/live.c": _COMMON,
}
_FOR_QUEUE: dict[str, tuple[str, ...]] = {
    "queue/save_and_switch_fallback.S": _ASSEMBLY,
    "queue/resume_execution.S": _ASSEMBLY,
    "ring_buffer.c": _GENERAL,
    "queue/workers.c": _COMMON,
}
_FOR_STRESS: dict[str, tuple[str, ...]] = {
    "deopt/force.c": _GENERAL,
    "deopt/force_options.c": _COMMON,
}
_BENCH: dict[str, tuple[str, ...]] = {
    "dispatch_bench.c": _COMMON,
    "dispatch_app.S": _ASSEMBLY,
    "thesis_dispatch.c": _COMMON,
    "thesis_dispatch.S": _ASSEMBLY,
}
_HEADER = "lp_parameters.h"


@dataclass(frozen=True)
class RuntimeSource:
    """One file of the runtime: where it lies, the compiler's flags for it, and what it was made
    from (templates; none for a file that is not rendered)."""

    path: Path
    flags: tuple[str, ...]
    templates: tuple[Path, ...] = ()


def render_runtime(config: Config, out: Path, *, stress: bool) -> list[RuntimeSource]:
    """Render the runtime for `config` into folder `out` and say how to compile all of it.

    stress: with the code that forces deopts. Files whose text stays the same are not written, so
    their times tell a build what changed. Raises LakePlacidError for a template that can't be
    rendered, and OSError when `out` can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    values = _values(config, stress)
    folders = (out, resource_dir("c_runtime"), resource_dir("kernel") / "uapi")
    include = tuple(f"-I{folder}" for folder in folders)
    parts = dict(_PARTS)
    if config.mode == "queue":
        parts |= _FOR_QUEUE
    if stress:
        parts |= _FOR_STRESS

    header = _write(_HEADER, values, config, out, stress)
    sources = []
    for name, flags in parts.items():
        flags = (*flags, *include)
        if "/" in name:
            sources.append(RuntimeSource(resource_dir("c_runtime") / name, flags))
            continue
        made = _write(name, values, config, out, stress)
        sources.append(RuntimeSource(out / name, flags, (*made.templates, *header.templates)))
    return sources


def render_dispatch_bench(out: Path) -> list[RuntimeSource]:
    """Everything of c_runtime/bench/dispatch_bench.c, with a runtime for it rendered into `out`.

    Link the objects with -no-pie and -pthread, run with LP_ELITE=inprocess: it prints one JSON
    object (see there). Raises as render_runtime does.
    """
    runtime = render_runtime(Config(request="lp_bench_request"), out, stress=False)
    folder = resource_dir("c_runtime")
    uapi = resource_dir("kernel") / "uapi"
    include = tuple(f"-I{one}" for one in (out, folder, folder / "bench", uapi))
    bench = [
        RuntimeSource(folder / "bench" / name, (*flags, *include)) for name, flags in _BENCH.items()
    ]
    return bench + runtime


def _values(config: Config, stress: bool) -> dict[str, object]:
    """What templates may use. `keep`: how many slots threads may hold between requests; a quarter
    (at least one) always goes round, so that idle threads starve nobody."""
    count = config.stack_count
    return {
        **config.parameters,
        "words": -(-count // 64),
        "keep": count - max(1, count // 4),
        "stress": stress,
    }


def _write(
    name: str, values: dict[str, object], config: Config, out: Path, stress: bool
) -> Rendered:
    rendered = render(f"{name}.j2", values)
    text = _header(name, config, stress) + rendered.text
    target = out / name
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    return rendered


def _header(name: str, config: Config, stress: bool) -> str:
    parameters = (
        f"mode {config.mode}, {config.stack_count} slots of "
        + (f"{config.stack_size} bytes" if config.stack_size else "a thread's stack"),
        f"queue_value {config.queue_value}, ring_size {config.ring_size}, "
        f"workers {config.workers}, busy_poll {config.busy_poll}, "
        f"cancellation {config.cancellation}, stress {'yes' if stress else 'no'}",
    )
    lines = [f"Rendered from templates/{name}.j2: change that, not this.", *parameters]
    # A comment's end within a name would end this one.
    body = "\n".join(f" * {line.replace('*/', '* /')}" for line in lines)
    return f"/*\n{body}\n */\n"
