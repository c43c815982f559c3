# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong with a guest, each its own exception, all with the console log."""

from __future__ import annotations

from pathlib import Path

from lp_build.kernels.errors import VmError

TAIL = 60


class GuestFailure(VmError):
    """The guest's kernel failed while, or before, it ran the command.

    console: all that the kernel printed; log: the file that keeps it; stdout, stderr: what the
    command had written until then.
    """

    what = "the guest failed"

    def __init__(
        self,
        detail: str,
        *,
        console: str = "",
        log: Path | None = None,
        stdout: bytes = b"",
        stderr: bytes = b"",
        remedy: str = "",
    ) -> None:
        super().__init__(
            f"{self.what}: {detail}" if detail else self.what,
            file=str(log) if log else None,
            remedy=remedy,
        )
        self.detail = detail
        self.console = console
        self.log = log
        self.stdout = stdout
        self.stderr = stderr

    def tail(self, lines: int = TAIL) -> str:
        """The last `lines` lines of the console."""
        return "\n".join(self.console.splitlines()[-lines:])


class GuestPanicked(GuestFailure):
    """A panic that no oops and no warning led to."""

    what = "the guest's kernel panicked"


class GuestOopsed(GuestFailure):
    """An oops, a BUG, or memory that the kernel's own checks found corrupted."""

    what = "the guest's kernel oopsed"


class GuestWarned(GuestFailure):
    """A WARN_ON in the guest."""

    what = "the guest's kernel warned"


class GuestHung(GuestFailure):
    """No result in time, or a lockup that the kernel found itself."""

    what = "the guest hung"


class GuestLost(GuestFailure):
    """QEMU ended without a result, and the console does not say why."""

    what = "the guest was lost"
