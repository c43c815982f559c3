# SPDX-License-Identifier: GPL-2.0-only
"""Builds of the heap and of the test programs, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alloc.build import FLAGS, Programs, heap_objects, run

LINKS = {
    "dynamic": ("gcc", ("-no-pie",)),
    "static": ("gcc", ("-static",)),
    "clang": ("clang", ("-no-pie",)),
}


@pytest.fixture(scope="session", params=LINKS)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The test programs in each way to compile and link them."""
    compiler, link = LINKS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    return Programs(folder, tuple(heap_objects(folder, compiler, *FLAGS)), compiler, link)


@pytest.fixture(scope="session")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The test programs as the default build makes them."""
    folder = tmp_path_factory.mktemp("only-dynamic")
    return Programs(folder, tuple(heap_objects(folder, "gcc", *FLAGS)), "gcc", ("-no-pie",))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The heap as a library to preload; only tests have it so."""
    folder = tmp_path_factory.mktemp("library")
    flags = ("-O2", "-fno-builtin-malloc", "-fPIC", "-Wall", "-Wextra")
    shared = ("-DLP_ALLOC_SHARED", '-DLP_TLS_MODEL="initial-exec"')
    objects = heap_objects(folder, "gcc", *flags, *shared)
    path = folder / "libheap.so"
    run("gcc", "-shared", *objects, "-o", path)
    return path
