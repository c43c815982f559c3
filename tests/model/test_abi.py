# SPDX-License-Identifier: GPL-2.0-only
"""What Python says of the layouts that it shares with C is what a compiler makes of the headers."""

from __future__ import annotations

import re
import struct
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from lp_build.compile.runtime_sources import render_runtime
from lp_build.config import Config
from lp_build.model import abi
from lp_build.projection.cfi import CALLEE_SAVED, FrameRule
from lp_build.projection.records import KernelSite, KernelTables, SiteRecord, Tables
from lp_build.resources import resource_dir
from lp_build.top.process import Live

COMPILERS = ("gcc", "clang")
# struct lp_live has no tag: the runtime has one of it.
INCLUDED = ("lp_runtime.h", "lakeplacid.h", "statistics/live.c")
RULE = FrameRule(7, 24, ((3, -16), (12, -24)))
SECTION = "lp_answers"


def _compiled(compiler: str, folder: Path, answers: list[str]) -> list[int]:
    """The values of constant expressions of C, with the headers of runtime and driver."""
    runtime = render_runtime(Config(request="f", mode="queue"), folder, stress=True)
    flags = next(s.flags for s in runtime if s.path.name == "live.c")
    text = "".join(f'#include "{name}"\n' for name in INCLUDED)
    text += f'const long answers[] __attribute__((section("{SECTION}"))) = {{\n'
    text += "".join(f"\t{answer},\n" for answer in answers) + "};\n"
    source, target = folder / "answers.c", folder / "answers.o"
    source.write_text(text)
    subprocess.run([compiler, *flags, "-c", source, "-o", target], check=True)
    with target.open("rb") as file:
        data = ELFFile(file).get_section_by_name(SECTION).data()
    return list(struct.unpack(f"<{len(answers)}q", data))


def _type(layout: abi.Layout) -> str:
    return "typeof(live)" if layout is abi.LIVE else f"struct {layout.name}"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_fields_lie_where_c_puts_them(compiler: str, tmp_path: Path) -> None:
    """Each field of each structure, and its size; so none is left out either."""
    wanted: dict[str, int] = {}
    for layout in abi.LAYOUTS:
        of = _type(layout)
        wanted[f"sizeof({of})"] = layout.size
        for name, form in layout.fields:
            wanted[f"offsetof({of}, {name})"] = layout.offset(name)
            wanted[f"sizeof((({of} *)0)->{name})"] = struct.calcsize("<" + form)
    assert dict(zip(wanted, _compiled(compiler, tmp_path, list(wanted)), strict=True)) == wanted


def test_constants_are_those_of_the_headers(tmp_path: Path) -> None:
    wanted = {
        "LP_SAVED_COUNT": abi.SAVED_COUNT,
        "LP_BUILD_ID_SIZE": abi.BUILD_ID_SIZE,
        "LP_IMPORT_NAME_SIZE": abi.IMPORT_NAME_SIZE,
        **{f"LP_SITE_{kind.name}": int(kind) for kind in abi.SiteKind},
    }
    assert dict(zip(wanted, _compiled("gcc", tmp_path, list(wanted)), strict=True)) == wanted


def test_lp_top_names_the_fields_as_c_does() -> None:
    assert [f.name for f in fields(Live)] == [name for name, _ in abi.LIVE.fields]


def _assembled(lines: list[str], folder: Path) -> dict[str, bytes]:
    """The sections that assembly makes, linked at address zero: labels are offsets."""
    source, target = folder / "tables.s", folder / "tables"
    source.write_text("\n".join(lines) + "\n")
    subprocess.run(["as", source, "-o", folder / "tables.o"], check=True)
    command = ["ld", "-e", "0", "-Ttext=0", "--defsym=fallback=1111", "--defsym=elite=2222"]
    subprocess.run([*command, folder / "tables.o", "-o", target], check=True)
    with target.open("rb") as file:
        return {s.name: s.data() for s in ELFFile(file).iter_sections() if s.name[:3] == "lp_"}


def test_the_projection_writes_records_as_they_are_read(tmp_path: Path) -> None:
    kernel = KernelTables(
        sites=[KernelSite(".Lk", "fallback", RULE, "0", "-1")],
        returns=[("elite", "fallback", RULE)],
        entries=[(".Le", "elite", RULE)],
        fixups=[("elite", "fallback")],
    )
    site = SiteRecord(".Ls", "fallback", RULE, "n", "f", 77, abi.SiteKind.FORCE, "elite")
    tables = Tables(
        "t",
        sites=[site],
        returns=[("elite", "fallback", RULE)],
        functions=[("fallback", "elite", "n")],
        kernel=kernel,
    )
    found = _assembled(tables.emit(), tmp_path)
    (row,) = abi.SITE.rows(found["lp_sites"])
    assert (row["fallback"], row["elite"]) == (1111, 2222)
    assert (row["line"], row["kind"], row["forced"], row["hits"]) == (77, abi.SiteKind.FORCE, 0, 0)
    (rule,) = abi.FRAME_RULE.rows(row["rule"])
    assert (rule["cfa_offset"], rule["cfa_register"]) == (24, 7)
    saved = struct.unpack(f"<{abi.SAVED_COUNT}h", rule["saved"])
    assert dict(zip(CALLEE_SAVED, saved, strict=True)) == {3: -2, 6: 0, 12: -3, 13: 0, 14: 0, 15: 0}
    (row,) = abi.KERNEL_SITE.rows(found["lp_kernel_sites"])
    assert (row["fallback"], row["site"], row["elite"]) == (1111, 0, 2**64 - 1)
    for layout, name in ((abi.RETURN, "lp_returns"), (abi.KERNEL_RETURN, "lp_kernel_returns")):
        (row,) = layout.rows(found[name])
        assert (row["elite"], row["fallback"]) == (2222, 1111)
        assert abi.FRAME_RULE.unpack(row["rule"])[0] == 24
    (row,) = abi.KERNEL_ENTRY.rows(found["lp_kernel_entries"])
    assert (row["elite"], row["reserved"]) == (2222, 0)
    (row,) = abi.FUNCTION.rows(found["lp_functions"])
    assert (row["fallback"], row["elite"]) == (1111, 2222)
    (row,) = abi.FIXUP.rows(found["lp_kernel_extable"])
    assert (row["instruction"], row["stub"]) == (2222, 1111)


def test_no_size_stands_bare_where_records_are_read() -> None:
    """In what reads or renders them a layout is named, and not its number."""
    sizes = {abi.SITE.size, abi.KERNEL_SITE.size, abi.RETURN.size, abi.LIVE.size}
    sizes |= {abi.SITE.offset("forced"), 17 * abi.WORD}  # that of struct lp_registers
    bare = re.compile(rf"(?<![\w.#])({'|'.join(map(str, sorted(sizes)))})(?![\w.])")
    package = Path(abi.__file__).parent.parent
    readers = [
        *(package / "projection").glob("*.py"),
        *(package / "kernel_module").glob("*.py"),
        package / "top" / "process.py",
        *resource_dir("templates").glob("*.[cSh].j2"),
    ]
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in readers
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []
