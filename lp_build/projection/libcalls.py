# SPDX-License-Identifier: GPL-2.0-only
"""What Elite has to know of library calls: those that it makes itself in the kernel, from
c_runtime/forms/libcalls.toml, and those that a request which may be queued doesn't make in Elite,
from c_runtime/queue/threadcalls.toml."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lp_build.resources import resource_dir

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# A definition, in C or as an argument of a macro that makes one.
_FORM = re.compile(r"^(?:[\w *]+\blp_form_(\w+)\(|(?:CALL|CLASS)\(\w+, (\w+),)", re.M)
_POINT = re.compile(r"^CALL\(\w+, (\w+), POINT\b", re.M)
_BODY = re.compile(r"^[\w *]+\blp_form_(\w+)\([^;{]*\)\n\{(.*?)^\}", re.M | re.S)
_CALLED = re.compile(r"\blp_form_(\w+)\(")


@cache
def direct_calls() -> frozenset[str]:
    """Names of the library functions that the kernel form calls; a call of any other function that
    is not Elite is a deopt before the call there."""
    return frozenset(name for group in _groups("forms/libcalls.toml") for name in group["names"])


@cache
def thread_calls() -> Mapping[str, str]:
    """In queue mode: why Elite leaves before a call of these library functions, by their names."""
    groups = _groups("queue/threadcalls.toml")
    return {name: group["reason"] for group in groups for name in group["names"]}


def _groups(file: str) -> list[dict[str, Any]]:
    text = (resource_dir("c_runtime") / file).read_text(encoding="utf-8")
    return list(tomllib.loads(text).values())


@cache
def kernel_forms() -> frozenset[str]:
    """Library functions that have a form for the kernel, which is C code in c_runtime/forms/; the
    others are deopts there."""
    texts = (path.read_text(encoding="utf-8") for path in _forms_folder().glob("*.c"))
    found = (name for text in texts for pair in _FORM.findall(text) for name in pair if name)
    return direct_calls() & frozenset(found)


@cache
def heap_calls() -> frozenset[str]:
    """Library functions whose forms are of our own heap."""
    text = (resource_dir("c_runtime") / "forms/libcalls.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)["heap"]["names"])


@cache
def cancellation_points() -> frozenset[str]:
    """Library functions whose forms leave it to the library to wait, where a thread may be
    cancelled: those that look at POINT, or call a form that does."""
    points: set[str] = set()
    bodies: dict[str, str] = {}
    for path in _forms_folder().glob("*.c"):
        text = path.read_text(encoding="utf-8")
        points.update(_POINT.findall(text))
        bodies.update(_BODY.findall(text))
    points |= {name for name, body in bodies.items() if re.search(r"\bPOINT\b", body)}
    while True:
        more = {
            name
            for name, body in bodies.items()
            if name not in points and points.intersection(_CALLED.findall(body))
        }
        if not more:
            return frozenset(points) & kernel_forms()
        points |= more


def _forms_folder() -> Path:
    return resource_dir("c_runtime") / "forms"


def form_name(name: str) -> str:
    """The C function that is the form of library function `name`."""
    return f"lp_form_{name}"
