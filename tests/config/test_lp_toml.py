# SPDX-License-Identifier: GPL-2.0-only
"""`lp.toml`: what is accepted, and that each mistake is named with file, line and remedy."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path

import pytest

from lp_build.config import Config, is_function, key_of, load_config
from lp_build.errors import LakePlacidError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lp.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_the_request_function_is_needed(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, 'request = "handle"\n')) == Config(request="handle")


def test_all_keys_are_read(tmp_path: Path) -> None:
    text = """
request = "server.c:handle"
loop = "serve"
threshold = 0.5
stack_size = 65536
stack_count = 8
mode = "queue"
queue_value = -1
ring_size = 16
workers = 3
allocator = "system"
busy_poll = 50
cancellation = "unused"
unknown = ["elapsed", "clock.c:tick"]
"""
    config = load_config(write(tmp_path, text))
    assert config.request_name == "handle"
    assert config.loop_name == "serve"
    assert (config.stack_size, config.stack_count, config.mode) == (65536, 8, "queue")
    assert (config.queue_value, config.ring_size, config.workers) == (-1, 16, 3)
    assert (config.busy_poll, config.cancellation) == (50, "unused")
    assert config.unknown == ["elapsed", "clock.c:tick"]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ('request = "f"\nreqest = "f"\n', 2, "unknown key `reqest`"),
        ("threshold = 0.9\n", 1, "`request` is missing"),
        ('request = "f"\nthreshold = 0\n', 2, "out of range"),
        ('request = "f"\nthreshold = 1.5\n', 2, "out of range"),
        ('request = "f"\nthreshold = "high"\n', 2, "wrong type"),
        ('request = "f"\nstack_count = true\n', 2, "wrong type"),
        ('request = "f"\n\nstack_size = 5000\n', 3, "out of range"),
        ('request = "f"\nstack_count = 0\n', 2, "out of range"),
        ('request = "f"\nmode = "later"\n', 2, "out of range"),
        ('request = "f"\nring_size = 100\n', 2, "out of range"),
        ('request = "f"\nworkers = 0\n', 2, "out of range"),
        ('request = "f"\nqueue_value = 4294967296\n', 2, "out of range"),
        ('request = "f"\nbusy_poll = 1000001\n', 2, "out of range"),
        ('request = "f"\ncancellation = "none"\n', 2, "out of range"),
        ('request = "f"\nunknown = "tick"\n', 2, "wrong type"),
        ('request = "f"\nunknown = [1]\n', 2, "wrong type"),
        ('request = "f"\nallocator = "mine"\n', 2, "out of range"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(
    tmp_path: Path, text: str, line: int, part: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(LakePlacidError) as caught:
        load_config(path)
    error = caught.value
    assert (error.file, error.line) == (str(path), line)
    assert part in error.message
    assert error.remedy


def test_broken_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="not valid TOML"):
        load_config(write(tmp_path, 'request = "f\n'))


def test_a_missing_file_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match=r"remedy: let `lp init` propose one.*request = "):
        load_config(tmp_path / "lp.toml")


@pytest.mark.parametrize(
    ("wanted", "file", "name", "same"),
    [
        ("handle", "src/server.c", "handle", True),
        ("server.c:handle", "src/server.c", "handle", True),
        ("src/server.c:handle", "src/server.c", "handle", True),
        ("./server.c:handle", "server.c", "handle", True),
        ("other.c:handle", "src/server.c", "handle", False),
        ("ver.c:handle", "src/server.c", "handle", False),
        ("handle", "src/server.c", "handle_it", False),
        (None, "src/server.c", "handle", False),
    ],
)
def test_a_function_is_named_with_or_without_its_file(
    wanted: str | None, file: str, name: str, same: bool
) -> None:
    assert is_function(wanted, file, name) is same


@pytest.mark.parametrize("one", fields(Config), ids=lambda one: one.name)
def test_each_key_says_what_it_means_and_takes_its_default(
    tmp_path: Path, one: Field[object]
) -> None:
    assert key_of(one).help
    if one.default not in (MISSING, None):
        value = list(one.default) if isinstance(one.default, tuple) else one.default
        text = f'request = "f"\n{one.name} = {json.dumps(value)}\n'
        assert getattr(load_config(write(tmp_path, text)), one.name) == value


def test_a_key_that_the_runtime_is_made_for_is_given_to_its_templates() -> None:
    """Of choices, the templates are told which it is."""
    assert Config(request="f", mode="queue", ring_size=16).parameters == {
        "stack_size": 0,
        "stack_count": 64,
        "queue": True,
        "queue_value": 0,
        "ring_size": 16,
        "workers": 2,
        "busy_poll": 0,
        "cancellation": True,
    }
