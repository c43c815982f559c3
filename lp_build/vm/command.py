# SPDX-License-Identifier: GPL-2.0-only
"""`lp vm`: run a command on a stock kernel in QEMU."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lp_build.cache import cache_folder
from lp_build.kernels.versions import DEFAULT, SERIES
from lp_build.vm.errors import GuestFailure
from lp_build.vm.guest import GuestCommand, run_guest
from lp_build.vm.qemu import ACCELERATORS

# The command's own status is passed on; this one says that the guest failed (as docker's does).
GUEST_FAILED = 125


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="lp vm",
        description="Boot a stock Debian kernel in QEMU, with this machine's files (the working "
        "tree writable), run CMD there as root, and give its output and exit status. A panic, an "
        f"oops, a warning or a hang is a failure: status {GUEST_FAILED}, and the console log.",
    )
    parser.add_argument("--kernel", choices=SERIES, default=DEFAULT, help="default: %(default)s")
    parser.add_argument(
        "--append", action="append", default=[], metavar="ARGS", help="more kernel arguments"
    )
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--memory", type=int, default=1024, metavar="M", help="MiB (default: %(default)s)"
    )
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--accel", choices=ACCELERATORS, default="auto", help="default: KVM where it works"
    )
    parser.add_argument(
        "--module", action="append", default=[], metavar="NAME", help="load this module of Debian's"
    )
    parser.add_argument("--console", type=Path, metavar="FILE", help="keep the console log here")
    parser.add_argument("cmd", nargs=argparse.REMAINDER, metavar="CMD…", help="what to run")
    return parser


def _copy_output(number: int, data: bytes) -> None:
    stream = sys.stdout.buffer if number == 1 else sys.stderr.buffer
    stream.write(data)
    stream.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lp vm` with these arguments; returns the exit status. Raises VmError when no guest can
    be started."""
    parser = make_parser()
    options = parser.parse_args(argv)
    words = options.cmd[1:] if options.cmd[:1] == ["--"] else options.cmd
    if not words:
        parser.error("no command to run")
    command = GuestCommand(
        argv=words,
        kernel=options.kernel,
        append=" ".join(options.append),
        timeout=options.timeout,
        memory=options.memory,
        cpus=options.cpus,
        accelerator=options.accel,
        modules=tuple(options.module),
    )
    try:
        result = run_guest(command, cache_folder(os.environ), os.environ, _copy_output)
    except GuestFailure as failure:
        if options.console:
            options.console.write_text(failure.console, encoding="utf-8")
        print(f"{failure.tail()}\n\nlp vm: {failure}", file=sys.stderr)
        return GUEST_FAILED
    if options.console:
        options.console.write_text(result.console, encoding="utf-8")
    return result.status


if __name__ == "__main__":
    sys.exit(main())
