# SPDX-License-Identifier: GPL-2.0-only
"""A tiny server: it takes requests from its arguments, and leaves its hot path for odd ones."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lp_build.statistics import Run as Statistics
from lp_build.statistics import parse_run
from tests.wrapper.support import Project

SOURCES = {
    "server__c": """
#include <stdio.h>
#include <stdlib.h>
#include "store.h"

int requests;

static int rare(int x) { char s[9000]; sprintf(s, "rare %d\\n", x); fputs(s, stderr); return -x; }

int handle(int x)
{
	requests++;
	if (x % 10 == 7)
		return rare(x);
	return store_add(x);
}

int main(int argc, char **argv)
{
	long sum = 0;
	for (int i = 1; i < argc; i++)
		sum += handle(atoi(argv[i]));
	printf("%ld %d %d\\n", sum, requests, store_count());
	return 0;
}
""",
    "store__h": "int store_add(int x);\nint store_count(void);\n",
    "store__c": """
#include "store.h"
static int total, count;
int store_add(int x)
{
	count++;
	if (x > 1000)
		total += 2 * x;
	else
		total += x;
	return total;
}
int store_count(void) { return count; }
""",
    "tool__c": '#include <stdio.h>\nint main(void) { puts("a tool"); return 0; }\n',
    "Makefile": """
CFLAGS = -O2 -g
all: server tool
server: server.o libstore.a
	$(CC) $(LDFLAGS) -o $@ server.o -L. -lstore
libstore.a: store.o
	$(AR) rcs $@ $^
server.o store.o: store.h
clean:
	rm -f *.o *.a server tool
""",
    "lp__toml": 'request = "handle"\nthreshold = 0.9\n',
}
HOT = [str(n) for n in (1, 2, 3, 4, 5, 11, 12, 13, 14, 15)]
MIXED = [*HOT, "7", "2000", "17", "3"]


@dataclass(frozen=True)
class Run:
    """What a run of the server gave; told: what the runtime wrote to LP_STATS, if it did."""

    out: str
    err: str
    told: str

    @property
    def statistics(self) -> Statistics:
        """The runtime's statistics of it."""
        return parse_run(self.told, Path("stats.json"))


@dataclass(frozen=True)
class Server:
    """The project with its server."""

    project: Project

    @property
    def root(self) -> Path:
        """Its folder."""
        return self.project.root

    def scout(self, *build: str, **settings: str) -> None:
        """Build, scout, and decide."""
        self.project.wrap_ok("--phase", "scout", *(build or ("make", "-s")), **settings)
        result = self.project.run("./server", *HOT)
        assert result.status == 0, result.err
        self.manifest()

    def manifest(self, **settings: str) -> None:
        """Decide."""
        result = self.project.lp("manifest", **settings)
        assert result.status == 0, result.err

    def build(self, *words: str, **settings: str) -> list[str]:
        """lp build, which must succeed; what it says it made."""
        result = self.project.lp("build", *words, **settings)
        assert result.status == 0, result.err + result.out
        return [line.strip() for line in result.out.splitlines() if line.startswith("  ")]

    def run(self, *arguments: str, program: str = "server", **settings: str) -> Run:
        """Run it in-process; arguments: requests (default: MIXED)."""
        path = self.root / "stats.json"
        path.unlink(missing_ok=True)
        result = self.project.run(
            f"./{program}",
            *(arguments or MIXED),
            **{"LP_ELITE": "inprocess", "LP_STATS": str(path), **settings},
        )
        assert result.status == 0, result.err
        return Run(result.out, result.err, path.read_text() if path.exists() else "")

    def plain(self) -> str:
        """What the plain program prints for MIXED."""
        folder = self.root / "plain"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        command = "gcc -O2 -I.. ../server.c ../store.c -o server && ./server"
        return self.project.run("sh", "-c", f"cd plain && {command} {' '.join(MIXED)}").out

    def is_elite(self, program: str = "server") -> bool:
        """Whether a program has Elite code."""
        return self.project.has(program, "lp_elite_text")

    def check(self, program: str = "server") -> None:
        """It does what the plain one does, mostly in Elite."""
        run = self.run(program=program)
        assert run.out == self.plain()
        assert run.statistics.requests == len(MIXED)
        assert 0 < run.statistics.finished < len(MIXED)


def new_server(folder: Path) -> Server:
    """The project in a new folder."""
    folder.mkdir(parents=True)
    return Server(Project(folder).write(**SOURCES))
