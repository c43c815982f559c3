# SPDX-License-Identifier: GPL-2.0-only
"""The command line of a load: where the server listens, how many requests, of which kinds; what
was sent is printed as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from lp_build.errors import LakePlacidError

Shares = TypeVar("Shares")


def run_command(
    argv: Sequence[str] | None,
    *,
    prog: str,
    description: str | None,
    numbers: Mapping[str, int],
    mix: type[Shares],
    load: Callable[..., Any],
) -> int:
    """Run a load and print its result, a data class; return 0, or 1 when an answer was wrong.

    numbers: options, and what they are unless told. mix: a data class of shares, each an option
    too. load: called with the port, and with `mix` and the numbers by name.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--port", type=int, required=True)
    for name, usual in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    shares = {share.name: share.default for share in fields(mix)}  # type: ignore[arg-type]
    for name, share in shares.items():
        parser.add_argument(f"--{name}", type=float, default=share)
    options = vars(parser.parse_args(argv))
    chosen = mix(**{name: options[name] for name in shares})
    try:
        result = load(options["port"], mix=chosen, **{name: options[name] for name in numbers})
    except LakePlacidError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(asdict(result)))
    return 0
