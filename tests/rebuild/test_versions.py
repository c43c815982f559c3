# SPDX-License-Identifier: GPL-2.0-only
"""Functions that one name stands for, compiled in several versions: each is known by its text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lp_build.statistics import read_run
from tests.wrapper.support import Project

# A static function of a header, in two units that see other macros.
HEADER = {
    "find__h": """
static int find(const int *a, int n, int k)
{
	int low = 0, high = n;
	while (low < high) {
		int middle = (low + high) / 2;
		if (LESS(a[middle], k))
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && a[low] == k ? low : -1;
}
""",
    "up__c": """
#define LESS(x, y) ((x) < (y))
#include "find.h"
int (*up_by(void))(const int *, int, int) { return find; }
int up(const int *a, int n, int k) { return find(a, n, k); }
""",
    "down__c": """
#define LESS(x, y) ((x) > (y))
#include "find.h"
int (*down_by(void))(const int *, int, int) { return find; }
int down(const int *a, int n, int k) { return find(a, n, k); }
""",
    "app__c": """
#include <stdio.h>
int up(const int *, int, int), down(const int *, int, int);
int (*up_by(void))(const int *, int, int), (*down_by(void))(const int *, int, int);
static int A[64], B[64];
static int (*by)(const int *, int, int);
int handle(int n)
{
	by = n & 1 ? up_by() : down_by();
	return up(A, 64, n % 80) * 3 + down(B, 64, n % 70) + by(A, 64, n % 50);
}
int main(void)
{
	long sum = 0;
	for (int i = 0; i < 64; i++) {
		A[i] = i;
		B[i] = 63 - i;
	}
	for (int i = 0; i < 1000; i++)
		sum = sum * 3 + handle(i);
	printf("%lx\\n", sum);
	return 0;
}
""",
    "Makefile": """
CFLAGS = -O2 -g
app: app.o up.o down.o
	$(CC) -o $@ $^
""",
    "lp__toml": 'request = "handle"\nthreshold = 1.0\n',
}
# One file in two programs, with other macros; the second one is not scouted.
PROGRAMS = {
    "twice__c": """
int twice(int n)
{
#ifdef BIG
	if (n > 100)
		n = 7;
#endif
	return n < 5 ? n : n * 2;
}
""",
    "one__c": """
#include <stdio.h>
int twice(int n);
int handle(int n) { return twice(n) + 1; }
int main(void)
{
	int sum = 0;
	for (int i = 0; i < 100; i++)
		sum += handle(i);
	printf("%d\\n", sum);
	return 0;
}
""",
    "two__c": "int twice(int n);\nint main(void) { return twice(1); }\n",
    "Makefile": """
CFLAGS = -O2 -g
all: one two
one: one.o twice.o
	$(CC) -o $@ $^
two: two.o big.o
	$(CC) -o $@ $^
big.o: twice.c
	$(CC) $(CFLAGS) -DBIG -c -o $@ $^
""",
    "lp__toml": 'request = "handle"\nthreshold = 1.0\n',
}


def built(folder: Path, files: dict[str, str], program: str) -> tuple[Project, str, str]:
    """Scout a program, decide and build: the project, what was printed, and what the tools said."""
    folder.mkdir()
    project = Project(folder).write(**files)
    project.wrap_ok("--phase", "scout", "make", "-s")
    scouted = project.run(f"./{program}")
    assert scouted.status == 0, scouted.err
    said = ""
    for command in ("manifest", "build"):
        result = project.lp(command)
        assert result.status == 0, result.err
        said += result.out + result.err
    return project, scouted.out, said + "\n".join(project.reasons())


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """The program with the header's function twice."""
    return built(tmp_path_factory.mktemp("versions") / "header", HEADER, "app")


def test_a_function_of_a_header_in_two_versions_is_elite_in_both(
    header: tuple[Project, str, str],
) -> None:
    """All requests finish there, with the same answers, and nothing is said to have changed."""
    project, expected, said = header
    assert "changed" not in said
    stats = project.root / "stats.json"
    run = project.run("./app", LP_ELITE="inprocess", LP_STATS=str(stats))
    assert run.out == expected
    counted = read_run(stats)
    assert counted.requests == counted.finished == 1000


def test_a_report_has_each_version(header: tuple[Project, str, str]) -> None:
    """With its own counts."""
    project, _, _ = header
    result = project.lp("report", "--json")
    assert result.status == 0, result.err
    elite = [f["name"] for f in json.loads(result.out)["elite"]]
    versions = [name for name in elite if name.startswith("find#")]
    assert len(set(versions)) == 2, elite


def test_a_forced_deopt_in_a_version_resumes_in_that_version(
    header: tuple[Project, str, str],
) -> None:
    """At each site of a program in several versions, the answers stay the same."""
    project, expected, _ = header
    result = project.lp("build", "--stress")
    assert result.status == 0, result.err
    run = project.run("./.lp/stress/app", LP_ELITE="inprocess", LP_FORCE_DEOPT="random:7:0.3")
    assert run.out == expected, run.err


def test_a_version_of_a_program_that_was_not_scouted_is_no_change(tmp_path: Path) -> None:
    """The scouted one is Elite, and nobody is told to scout again."""
    project, expected, said = built(tmp_path / "programs", PROGRAMS, "one")
    assert "changed" not in said
    stats = project.root / "stats.json"
    run = project.run("./one", LP_ELITE="inprocess", LP_STATS=str(stats))
    assert run.out == expected
    assert read_run(stats).finished == 100
    assert not project.has("two", "lp_elite_text")
