# SPDX-License-Identifier: GPL-2.0-only
"""A small project in a folder, and our tools run in it as a build would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lp_build.layout import BuildDir
from lp_build.steps import tool
from lp_build.store.capture import Unit, load_sites, load_units
from lp_build.store.journal import Step, load_steps
from lp_build.store.problems import load_report

TIMEOUT = 600.0  # seconds, for any one command: only against hanging, on a machine under load

HANDLER = """
int calls;
static int twice(int x) { return 2 * x; }
int handle(int x)
{
	calls++;
	if (x > 2)
		return twice(x);
	return x + 1;
}
"""
MAIN = """
#include <stdio.h>
#include <stdlib.h>
int handle(int);
int main(int argc, char **argv)
{
	long sum = 0;
	for (int i = 1; i < argc; i++)
		sum += handle(atoi(argv[i]));
	printf("%ld\\n", sum);
	return 0;
}
"""


@dataclass(frozen=True)
class Result:
    """How a command ended: status as subprocess tells it (-n for signal n)."""

    status: int
    out: str
    err: str


def environment(**settings: str) -> dict[str, str]:
    """Ours without LakePlacid's settings and without compilers by variable; `settings` added."""
    ours = ("LP_", "CC", "CXX", "AR", "MAKE", "MFLAGS")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**clean, "LC_ALL": "C", **settings}


def run(
    command: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Result:
    """Run a command to its end; stdin: what it reads there."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment() if env is None else env,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=TIMEOUT,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Project:
    """A folder with `lp.toml`."""

    root: Path

    @property
    def build(self) -> BuildDir:
        """Its `.lp/`."""
        return BuildDir(self.root)

    def write(self, **files: str) -> Project:
        """Write files; a name's `__` is a dot, `___` a slash."""
        for name, text in files.items():
            path = self.root / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def cc(self, *words: str, phase: str = "scout", **settings: str) -> Result:
        """Run lp-cc in a phase."""
        return run([tool("lp-cc"), *words], self.root, environment(LP_PHASE=phase, **settings))

    def wrap(self, *words: str, **settings: str) -> Result:
        """Run lp-wrap."""
        return run([tool("lp-wrap"), *words], self.root, environment(**settings))

    def wrap_ok(self, *words: str, **settings: str) -> Result:
        """Run lp-wrap, which must succeed."""
        result = self.wrap(*words, **settings)
        assert result.status == 0, result.err + result.out
        return result

    def lp(self, *words: str, **settings: str) -> Result:
        """Run lp."""
        return run([tool("lp"), *words], self.root, environment(**settings))

    def run(self, *words: str, **settings: str) -> Result:
        """Run any other command."""
        return run(words, self.root, environment(**settings))

    def units(self) -> dict[str, Unit]:
        """Captured units by their objects' file names."""
        return {Path(unit.object).name: unit for unit in load_units(self.build)}

    def functions(self, name: str) -> list[str]:
        """Names of the functions that scouting saw in the unit of this object."""
        sites = load_sites(self.build, self.units()[name])
        return [function.name for function in sites.functions] if sites else []

    def steps(self) -> list[Step]:
        """The journal."""
        return load_steps(self.build)

    def reasons(self) -> list[str]:
        """The report, without its places."""
        return [row["reason"] for row in load_report(self.build)]

    def has(self, file: str, text: str) -> bool:
        """Whether a file holds this text, as names of symbols and sections are held."""
        return text.encode() in (self.root / file).read_bytes()

    def is_scouted(self, file: str) -> bool:
        """Whether there is scouting code in an object or a program."""
        return self.has(file, "lp_scout_units")
