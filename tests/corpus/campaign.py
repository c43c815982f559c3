# SPDX-License-Identifier: GPL-2.0-only
"""`make corpus MINUTES=60`: ours over the C of 200 source packages.

Each unit is compiled by gcc and clang at -O0, -O2 and -O3 with all functions Elite and all
conditionals unknown, projected to both forms and assembled; a decoder is asked of its instructions.
What was tried is kept in .cache/corpus, and the next campaign goes on there. Prints what it ran;
exits 1 when anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from lp_build.cache import cache_folder, work_folder
from lp_build.errors import LakePlacidError
from lp_build.processes import run_beside
from tests.corpus.trial import Outcome, attempt
from tests.corpus.units import CorpusUnit, units_of

PACKAGES = Path(__file__).parent / "packages.txt"
COMPILERS = ("gcc", "clang")
LEVELS = ("-O0", "-O2", "-O3")
_SHOWN = 40


def row_of(unit: CorpusUnit, compiler: str, level: str) -> dict[str, Any]:
    """The row of one trial; whatever ends it is a failure of ours."""

    def act() -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return attempt(unit, compiler, level, Path(folder))
            except Exception:
                last = traceback.format_exc().strip().splitlines()
                return Outcome(failures=[f"traceback: {last[-1]} ({last[-3].strip()})"])

    try:
        outcome = run_beside(act)
    except LakePlacidError as error:
        # libclang ended: such a unit stays plain, as in a build.
        outcome = Outcome(plain=error.message)
    row = {"package": unit.package, "unit": unit.name, "compiler": compiler, "level": level}
    return {**row, **vars(outcome)}


class _Results:
    """The rows of all campaigns so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[dict[str, Any]] = []
        if path.exists():
            self.rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self._done = {self._key(row) for row in self.rows if not row["failures"]}

    @staticmethod
    def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
        return row["package"], row["unit"], row["compiler"], row["level"]

    def has(self, unit: CorpusUnit, compiler: str, level: str) -> bool:
        """Whether it was tried and nothing failed."""
        return (unit.package, unit.name, compiler, level) in self._done

    def are_enough(self, package: str, most: int) -> bool:
        """Whether so many of its units were tried whole and nothing of it failed: then there is no
        need to configure it."""
        rows = [row for row in self.rows if row["package"] == package]
        trials = Counter(row["unit"] for row in rows)
        whole = sum(count == len(COMPILERS) * len(LEVELS) for count in trials.values())
        return whole >= most and not any(row["failures"] for row in rows)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, in the place of an older one."""
        self.rows = [old for old in self.rows if self._key(old) != self._key(row)]
        self.rows.append(row)

    def write(self) -> None:
        """To disk, whole or not at all."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(f"{json.dumps(row)}\n" for row in self.rows), encoding="utf-8")
        fresh.replace(self._path)


def _report(rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    tried = [row for row in rows if not row["skipped"]]
    plain = Counter(row["plain"].split(":")[0] for row in tried if row["plain"])
    for title, counts in (
        ("units left plain", plain),
        ("functions that are not Elite", sum((Counter(r["refused"]) for r in tried), Counter())),
        ("functions without kernel form", sum((Counter(r["no_kernel"]) for r in tried), Counter())),
    ):
        print(f"{title}: {sum(counts.values())}")
        for reason, count in counts.most_common(_SHOWN):
            print(f"{count:8}  {reason}")
    failures = [(row, failure) for row in tried for failure in row["failures"]]
    for row, failure in failures[:_SHOWN]:
        place = f"{row['package']} {row['unit']}, {row['compiler']} {row['level']}"
        print(f"{place}: {failure}")
    kinds = Counter(failure.split(":")[0] for _, failure in failures)
    print(
        f"{len({row['package'] for row in tried})} packages, "
        f"{len({(row['package'], row['unit']) for row in tried})} units, {len(tried)} trials "
        f"({', '.join(COMPILERS)}; {' '.join(LEVELS)}), "
        f"{sum(row['functions'] for row in tried)} functions, "
        f"{sum(row['elite'] for row in tried)} of them Elite; "
        f"{len(rows) - len(tried)} not compiled by both compilers; {len(failures)} failures"
        + "".join(f", {count} {kind}" for kind, count in kinds.most_common(_SHOWN))
    )


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="corpus", description=__doc__)
    parser.add_argument("packages", nargs="*", help="these only")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--units", type=int, default=20, help="of a package, at most")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    cache = cache_folder(os.environ)
    home = work_folder(os.environ, Path.cwd()) / "corpus"
    home.mkdir(parents=True, exist_ok=True)
    results = _Results(home / "results.jsonl")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for package in arguments.packages or PACKAGES.read_text(encoding="utf-8").split():
            if time.monotonic() > end:
                break
            if results.are_enough(package, arguments.units):
                continue
            try:
                units = units_of(package, cache, home / "work", arguments.units)
            except LakePlacidError as error:
                print(f"{package}: {error}", flush=True)
                continue
            wanted = [
                (unit, compiler, level)
                for unit in units
                for compiler in COMPILERS
                for level in LEVELS
                if not results.has(unit, compiler, level)
            ]
            rows = list(pool.map(row_of, *zip(*wanted, strict=True))) if wanted else []
            for row in rows:
                results.add(row)
            results.write()
            failed = sum(bool(row["failures"]) for row in rows)
            print(f"{package}: {len(units)} units, {len(rows)} trials, {failed} failed", flush=True)
    _report(results.rows)
    return 1 if any(row["failures"] for row in results.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
