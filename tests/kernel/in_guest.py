# SPDX-License-Identifier: GPL-2.0-only
"""Run in the guest: `in_guest.py DRIVER MODULES… -- TEST[=AMOUNT]…`. Loads the modules, runs each
test of program DRIVER, prints a JSON object a line with its outcome, then one with what was left
behind. An AMOUNT, in the test's own unit, is for tests that last.

It must do without the package: any Python runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TOOLS = Path("/run/lakeplacid/bin")
SLABS = Path("/sys/kernel/slab")
SECONDS = 60
LONG_SECONDS = 3600
CYCLES = "many_cycles"
# What a session has, or makes the kernel have: each cycle that lost one would show.
WATCHED = (
    "task_struct mm_struct vm_area_struct filp cred_jar pid signal_cache sighand_cache "
    "files_cache fs_cache anon_vma_chain kmalloc-cg-1k kmalloc-1k kmalloc-cg-512 kmalloc-512"
).split()


def run(driver: str, test: str) -> dict[str, object]:
    """One test's outcome."""
    test, _, amount = test.partition("=")
    seconds_at_most = LONG_SECONDS if amount else SECONDS
    began = time.monotonic()
    try:
        process = subprocess.run(
            [driver, test, *([amount] if amount else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds_at_most,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"test": test, "status": -1, "said": f"no end after {seconds_at_most} s"}
    said = process.stdout.decode(errors="replace")
    seconds = round(time.monotonic() - began, 1)
    return {"test": test, "status": process.returncode, "said": said, "seconds": seconds}


def processes() -> int:
    """How many there are, without the kernel's own threads, which come and go."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        count += parent not in ("0", "2")
    return count


def objects() -> dict[str, int]:
    """Objects in use in each cache that is watched, and how many processes there are."""
    counts = {"processes": processes()}
    for name in WATCHED:
        cache = SLABS / name
        if cache.is_dir():
            # Else objects that were freed count as long as their slab is some processor's own.
            (cache / "shrink").write_text("1")
            counts[name] = int((cache / "objects").read_text().split()[0])
    return counts


def outcomes(driver: str, modules: list[str], tests: list[str]) -> Iterator[dict[str, object]]:
    """All that there is to tell, as it becomes known."""
    for module in modules:
        subprocess.run([TOOLS / "insmod", module], check=True)
    for test in tests:
        yield run(driver, test)
    for cycles in tests:
        if cycles.partition("=")[0] != CYCLES:
            continue
        before = objects()
        again = [run(driver, cycles)["status"] for _ in range(2)]
        yield {"before": before, "after": objects(), "again": again}
    for module in reversed(modules):
        subprocess.run([TOOLS / "rmmod", Path(module).stem], check=True)
    yield {"unloaded": True}


if __name__ == "__main__":
    at = sys.argv.index("--")
    for outcome in outcomes(sys.argv[1], sys.argv[2:at], sys.argv[at + 1 :]):
        print(json.dumps(outcome), flush=True)
