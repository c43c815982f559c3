# SPDX-License-Identifier: GPL-2.0-only
"""`lp top`: requests a second, the share in Elite, deopts by source line, slots and ring in use, of
a specialised server while it runs."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from lp_build.layout import find_build_dir
from lp_build.top.screen import Sources, line, screen
from lp_build.top.watch import View, Watch, choose

_HISTORY = 40  # intervals in the picture of requests
_SHORTEST = 0.05  # seconds


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp top",
        description="Watch a specialised server: requests a second, the share in Elite, deopts by "
        "source line, slots and ring in use. Its memory is read from outside, which costs it "
        "nothing. `q` ends it. Without a terminal it prints a line each interval.",
    )
    parser.add_argument(
        "server",
        nargs="?",
        help="a process's number, or a program (default: the one that runs, of several that of "
        "this project)",
    )
    parser.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds (default: %(default)s)"
    )
    parser.add_argument("--once", action="store_true", help="one interval only")
    parser.add_argument("--json", action="store_true", help="one JSON object each interval")
    return parser


def main(argv: list[str]) -> int:
    """Watch until the server or the user ends it. Raises LakePlacidError when there is nothing to
    watch."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.interval < _SHORTEST:
        parser.error(f"--interval takes at least {_SHORTEST} seconds")
    watch = choose(arguments.server, find_build_dir(Path.cwd(), os.environ).root)
    try:
        if arguments.once or arguments.json or not sys.stdout.isatty():
            _print(watch, arguments.interval, arguments.once, arguments.json)
        else:
            _show(watch, arguments.interval)
    finally:
        watch.close()
    return 0


def _sources() -> Sources:
    return Sources(find_build_dir(Path.cwd(), os.environ).root)


def _print(watch: Watch, interval: float, once: bool, as_json: bool) -> None:
    console = Console(highlight=False)
    while True:
        time.sleep(interval)
        view = watch.step()
        if view is None:
            return
        if as_json:
            print(json.dumps(view.to_json()), flush=True)
        elif once:
            console.print(screen(view, [view.rate], 1000, _sources()))
        else:
            print(line(view), flush=True)
        if once:
            return


def _show(watch: Watch, interval: float) -> None:
    console = Console(highlight=False)
    sources = _sources()
    history: deque[float] = deque(maxlen=_HISTORY)
    last: View | None = None
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        # The first picture comes soon, those after it each interval.
        wait = min(interval, 0.25)
        while "q" not in pressed(wait):
            view = watch.step()
            if view is None:
                break
            last = view
            history.append(view.rate)
            live.update(screen(view, history, console.height, sources), refresh=True)
            wait = interval
    if last is not None:
        console.print(screen(last, history, 1000, sources))


class _Pressed:
    """Waits for keys."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __call__(self, seconds: float) -> str:
        """Wait that long; what was pressed meanwhile ends it."""
        if self._descriptor is None:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return os.read(self._descriptor, 64).decode("utf-8", "replace") if ready else ""


@contextmanager
def _keys() -> Iterator[_Pressed]:
    """Keys as they are pressed, where standard input is a terminal."""
    if not sys.stdin.isatty():
        yield _Pressed(None)
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield _Pressed(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
