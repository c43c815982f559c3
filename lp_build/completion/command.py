# SPDX-License-Identifier: GPL-2.0-only
"""`lp completion`: the completion of `lp` and `lp-wrap` for a shell, to be read by its start-up
file."""

from __future__ import annotations

import argparse
from pathlib import Path

from lp_build.errors import LakePlacidError

FILES = {"bash": ("bash/lp", "bash/lp-wrap"), "zsh": ("zsh/_lp",)}


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp completion",
        description="Print the completion of lp and lp-wrap. In ~/.bashrc: `source <(lp completion "
        "bash)`. For zsh: write it to a file `_lp` in a folder of $fpath.",
    )
    parser.add_argument("shell", choices=tuple(FILES), help="the shell")
    return parser


def main(argv: list[str]) -> int:
    """Print it. Raises LakePlacidError when the installation lacks it."""
    arguments = make_parser().parse_args(argv)
    for name in FILES[arguments.shell]:
        path = Path(__file__).parent / name
        try:
            print(path.read_text(encoding="utf-8"), end="")
        except OSError as error:
            raise LakePlacidError(
                "the installation lacks its completion files",
                file=str(path),
                remedy="install LakePlacid again with `pip install .`",
            ) from error
    return 0
