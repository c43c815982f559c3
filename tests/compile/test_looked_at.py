# SPDX-License-Identifier: GPL-2.0-only
"""What specialising looks at: few units, the manifest once, and what others define."""

from __future__ import annotations

from pathlib import Path

import pytest

from lp_build.compile.runtime import forms_archive
from lp_build.compile.specialize import current_manifest, mentions
from lp_build.config import Config
from lp_build.layout import BuildDir
from lp_build.model.sites import Function, UnitSites
from lp_build.model.verdicts import FunctionVerdicts, Manifest
from lp_build.store.archives import read_archive
from lp_build.store.capture import Unit, defined_names, save_unit


def elite(file: str, name: str) -> FunctionVerdicts:
    return FunctionVerdicts(file, name, "d", 1, False, True)


def manifest(*functions: FunctionVerdicts) -> Manifest:
    return Manifest("handle", None, 0.99, 1.0, {f.key: f for f in functions})


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ('# 1 "src/read.c"\nint get(int n) { return n; }\n', True),
        ('# 1 "other.c"\n# 1 "./util.h" 1\nstatic int small(void) { return 1; }\n', True),
        ('# 1 "other.c"\nint get(int n);\nint put(void) { return get(1); }\n', False),
        ('# 1 "src/read.c"\nint put(void) { return 0; }\n', False),
        ('# 1 "main.c"\nint handle(void) { return 0; }\n', True),  # the request, in any file
        ('# 1 "main.c"\nvoid serve(void) { }\n', False),  # the loop is another file's
        ('# 1 "\\303\\251.c"\nint accent(void) { return 0; }\n', True),  # é.c, as gcc writes it
    ],
)
def test_only_units_that_may_define_what_is_elite_are_looked_at(text: str, looked_at: bool) -> None:
    wanted = manifest(elite("src/read.c", "get"), elite("util.h", "small"), elite("é.c", "accent"))
    config = Config(request="handle", loop="server.c:serve")
    assert mentions(text.encode(), wanted, config) is looked_at


def test_a_manifest_that_changes_is_read_again(tmp_path: Path) -> None:
    build = BuildDir(tmp_path)
    build.manifest.write_text('version = 1\nrequest = "one"\n', encoding="utf-8")
    first = current_manifest(build)
    assert current_manifest(build) is first
    build.manifest.write_text('version = 1\nrequest = "two, longer"\n', encoding="utf-8")
    assert current_manifest(build).request == "two, longer"


def unit(build: BuildDir, name: str, *functions: Function) -> Path:
    captured = Unit(name, "/", f"{name}.c", f"/{name}.o", "cc", (), ())
    captured.folder(build).mkdir(parents=True)
    save_unit(build, captured, UnitSites(functions))
    return captured.folder(build)


def test_functions_that_units_define_are_known_to_all(tmp_path: Path) -> None:
    build = BuildDir(tmp_path)
    unit(build, "a", Function("a.c", "read", 1, False, "d", 1, ()))
    older = unit(build, "b", Function("b.c", "write", 1, False, "d", 1, ()))
    unit(build, "c", Function("c.c", "send", 1, True, "d", 1, ()))
    (older / "defined").unlink()  # as versions before left it
    assert defined_names(build) == {"read", "write"}


def test_forms_for_a_program_with_our_heap_differ_in_the_heap_alone(tmp_path: Path) -> None:
    build = BuildDir(tmp_path)
    with_heap = list(read_archive(forms_archive(build, "cc", heap=True)))
    without = list(read_archive(forms_archive(build, "cc", heap=False)))
    assert [m.name for m in with_heap] == [m.name for m in without]
    assert [a.name for a, b in zip(with_heap, without, strict=True) if a.data != b.data] == [
        "heap.c.o"
    ]
