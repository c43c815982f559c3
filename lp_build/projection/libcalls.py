"""The library calls that Elite makes itself, from c_runtime/libcalls.toml."""

from __future__ import annotations

import sys
from functools import cache

from lp_build.resources import resource_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@cache
def direct_calls() -> frozenset[str]:
    """Names of the library functions that have a form on both sides; a call of any other function
    that is not Elite is a deopt before the call."""
    text = (resource_dir("c_runtime") / "libcalls.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)
    return frozenset(name for group in groups.values() for name in group["names"])


@cache
def kernel_forms() -> frozenset[str]:
    """Those of them that have a form for the kernel, in c_runtime/forms/; the others are deopts
    there."""
    return direct_calls()


def form_name(name: str) -> str:
    """The C function that is the form of library function `name`."""
    return f"lp_form_{name}"
