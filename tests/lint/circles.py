# SPDX-License-Identifier: GPL-2.0-only
"""Circles among C files: those that need each other, directly or by way of others.

By the symbols of their objects. Two kinds of need are no tie: of a name that is not ours (a
function of ours that takes the place of the library's is called as the library's), and of what
assembly does: control comes in and goes out by it, and both sides know its labels.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path


def circles(objects: Iterable[Path]) -> list[list[str]]:
    """Names of the objects that need each other, circle by circle."""
    homes: dict[str, Path] = {}
    needs: dict[Path, set[str]] = {}
    for path in objects:
        defined, needs[path] = _symbols(path)
        homes.update(dict.fromkeys(defined, path))
    graph = {path: {homes[name] for name in names & homes.keys()} for path, names in needs.items()}
    return sorted(sorted(path.name for path in circle) for circle in _circles(graph))


def _symbols(path: Path) -> tuple[set[str], set[str]]:
    """Names of ours that an object defines for others, and that it has of others."""
    listing = subprocess.run(
        ["nm", "--extern-only", "--format=posix", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    defined: set[str] = set()
    undefined: set[str] = set()
    for line in listing.splitlines():
        name, kind = line.split()[:2]
        if name.startswith("lp_"):
            (undefined if kind in "Uwv" else defined).add(name)
    return defined, undefined


def _circles(graph: Mapping[Path, Collection[Path]]) -> Iterator[set[Path]]:
    """The strongly connected components of more than one: who reaches whom, and is reached."""
    reached = {path: _reached(graph, path) for path in graph}
    left = set(graph)
    while left:
        path = left.pop()
        component = {path} | {other for other in reached[path] if path in reached[other]}
        left -= component
        if len(component) > 1:
            yield component


def _reached(graph: Mapping[Path, Collection[Path]], start: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        for path in graph[waiting.pop()]:
            if path not in found:
                found.add(path)
                waiting.append(path)
    return found
