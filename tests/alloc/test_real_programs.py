# SPDX-License-Identifier: GPL-2.0-only
"""Real programs give the same output with the heap preloaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.alloc.build import HERE, RUNTIME

PYTHON = """
import hashlib, json, sqlite3, threading
rows = [{"n": n, "text": "x" * (n % 3000)} for n in range(3000)]
print(hashlib.sha1(json.dumps(rows).encode()).hexdigest())
with sqlite3.connect(":memory:") as base:
    base.execute("create table t (n, text)")
    base.executemany("insert into t values (:n, :text)", rows)
    base.execute("create index i on t (text)")
    print(base.execute("select sum(n), count(distinct text) from t").fetchone())
def work(results, n):
    results[n] = len(json.dumps([{str(k): [k] * 9} for k in range(8000)]))
results = {}
threads = [threading.Thread(target=work, args=(results, n)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(results.items()))
"""

PERL = """
my %words; $words{$_ % 5003} .= chr(65 + $_ % 26) x ($_ % 70) for 1 .. 200000;
my @sorted = sort { $words{$a} cmp $words{$b} || $a <=> $b } keys %words;
print scalar(@sorted), " $sorted[0] $sorted[-1] ", length(join "", values %words), "\n";
"""

COMMANDS = {
    "python": [sys.executable, "-c", PYTHON],
    "python with its own allocator off": [
        "env",
        "PYTHONMALLOC=malloc",
        sys.executable,
        "-c",
        PYTHON,
    ],
    "perl": ["perl", "-e", PERL],
    "gcc": ["gcc", "-O2", "-S", f"-I{RUNTIME}", str(RUNTIME / "heap" / "central.c"), "-o", "-"],
    "clang": ["clang", "-O2", "-S", f"-I{RUNTIME}", str(RUNTIME / "heap" / "central.c"), "-o", "-"],
    "tar and its children": [
        "sh",
        "-c",
        f"cd {HERE} && tar c --sort=name programs | xz | xz -dc | sha1sum",
    ],
    "sort": ["sh", "-c", "seq 300000 | LC_ALL=C sort -r --parallel=2 | sha1sum"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_program_prints_the_same(library: Path, name: str) -> None:
    """Same output and exit status as with libc's malloc."""
    plain = subprocess.run(COMMANDS[name], capture_output=True, timeout=120)
    assert plain.returncode == 0, plain.stderr
    environ = {**os.environ, "LD_PRELOAD": str(library)}
    ours = subprocess.run(COMMANDS[name], capture_output=True, timeout=120, env=environ)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, plain.stderr)
