# SPDX-License-Identifier: GPL-2.0-only
"""The one exception that reaches users: what went wrong, where, and what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class LakePlacidError(Exception):
    """A failure that the user can act on.

    `message` says what; `file` and `line` (of the *original* source or of the file at fault) say
    where; `remedy` says what to do. Command-line entry points print `str(error)` and exit 1.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.remedy = remedy

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: "
        remedy = f"\n  remedy: {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{remedy}"


def reported(act: Callable[[], int]) -> int:
    """What `act` returns, as a command's exit status; 1 for an error, which the user is told."""
    try:
        status = act()
        sys.stdout.flush()  # here, where a reader that is gone is no error
        return status
    except LakePlacidError as error:
        print(f"lp: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left to flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
