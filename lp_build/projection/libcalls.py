"""The library calls that Elite makes itself in the kernel, from c_runtime/libcalls.toml."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

from lp_build.resources import resource_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# A definition, in C or as an argument of a macro that makes one.
_FORM = re.compile(r"^(?:[\w *]+\blp_form_(\w+)\(|CALL\(\w+, (\w+),)", re.M)


@cache
def direct_calls() -> frozenset[str]:
    """Names of the library functions that the kernel form calls; a call of any other function that
    is not Elite is a deopt before the call there."""
    text = (resource_dir("c_runtime") / "libcalls.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)
    return frozenset(name for group in groups.values() for name in group["names"])


@cache
def kernel_forms() -> frozenset[str]:
    """Library functions that have a form for the kernel, which is C code in c_runtime/forms/; the
    others are deopts there."""
    texts = (path.read_text(encoding="utf-8") for path in _forms_folder().glob("*.c"))
    found = (name for text in texts for pair in _FORM.findall(text) for name in pair if name)
    return direct_calls() & frozenset(found)


def _forms_folder() -> Path:
    return resource_dir("c_runtime") / "forms"


def form_name(name: str) -> str:
    """The C function that is the form of library function `name`."""
    return f"lp_form_{name}"
