# SPDX-License-Identifier: GPL-2.0-only
"""The projector, case by case: an assembly input and what must come out, in one file of cases/.

A case's head says what is asked (`elite:`, `external:`, `defined:`, `observed: file:line symbol`,
`request:`, `debug:`, `stress:`, `assembler:`) and what must come: `ELITE:` and `FALLBACK:` lines
in order within Elite's and the Fallback's text, `KERNEL:` within the kernel form's, `…-NOT:` never,
`SITE: name [register+offset [saved …]]` and `RETURN: register+offset [saved …]` in the tables,
`REJECTED: function: part of the reason`, `FP: function`, and, all of them, `STOP:` and
`KERNEL-STOP: file:line reason: callee` (`none`: there are none).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lp_build.model.markers import Marker
from lp_build.projection.cfi import CALLEE_SAVED, NAMES, FrameRule
from lp_build.projection.combined import combined_text
from lp_build.projection.emitter import EliteFunction
from lp_build.projection.project import project
from lp_build.projection.request import ProjectionRequest
from lp_build.projection.unit import project_unit

CASES = sorted((Path(__file__).parent / "cases").glob("*.s"))
_KEY = re.compile(r"^# ([A-Za-z-]+): (.*)$")


@dataclass
class Case:
    """A case file, read."""

    text: str
    heads: dict[str, list[str]] = field(default_factory=dict)

    def names(self, key: str) -> frozenset[str]:
        return frozenset(name.strip() for row in self.heads.get(key, []) for name in row.split(","))

    def request(self) -> ProjectionRequest:
        observed: dict[tuple[str, int], tuple[str, ...]] = {}
        for row in self.heads.get("observed", []):
            place, symbol = row.split()
            file, _, line = place.rpartition(":")
            observed[file, int(line)] = (symbol,)
        return ProjectionRequest(
            elite=self.names("elite"),
            elite_elsewhere=self.names("external"),
            defined=self.names("defined"),
            markers=[Marker("LP_COLD", f"s{n}", "a.c", n, "f") for n in range(9)],
            observed=observed,
            not_elite={},
            request=next(iter(self.heads.get("request", [])), None),
            stress="stress" in self.heads,
            keep_debug="debug" in self.heads,
            source_name=lambda file: file,
            kernel=True,
            forms="forms" in self.heads,
        )


def read_case(path: Path) -> Case:
    case = Case(path.read_text(encoding="utf-8"))
    for line in case.text.splitlines():
        match = _KEY.match(line)
        if match:
            case.heads.setdefault(match.group(1), []).append(match.group(2))
    return case


def split(text: str) -> tuple[str, str, str]:
    """(the Fallback's text, Elite's, the kernel form's) of a projection's output, comments gone."""
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    whole = "\n".join(lines)
    elite = whole.find('\t.section lp_elite_text,"ax"')
    kernel = whole.find('\t.section lp_kernel_text,""')
    start = min((at for at in (elite, kernel) if at >= 0), default=len(whole))
    tables = [whole.find(f"\t.section {name},", start) for name in ("lp_sites", "lp_kernel_sites")]
    end = min((at for at in tables if at >= 0), default=len(whole))
    kernel = kernel if kernel >= 0 else end
    return whole[:start] + whole[end:], whole[start:kernel], whole[kernel:end]


def find_in_order(wanted: list[str], text: str, what: str) -> None:
    position = 0
    for item in wanted:
        found = text.find(item, position)
        assert found >= 0, f"{what} lacks {item!r} after offset {position} in:\n{text}"
        position = found + len(item)


def stops_of(functions: Sequence[EliteFunction]) -> list[str]:
    return [
        f"{stop.file}:{stop.line} {stop.reason}" + (f": {stop.callee}" if stop.callee else "")
        for function in functions
        for stop in function.stops
    ]


def rule_row(rule: FrameRule) -> list[str]:
    """As cases have it."""
    saved = [NAMES[r] for r in rule.usable_saved() if r in CALLEE_SAVED]
    return [f"{NAMES[rule.register]}+{rule.offset}", *saved]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    result = project(case.text, case.request())
    fallback, elite, kernel = split(result.text)

    find_in_order(case.heads.get("ELITE", []), elite, "Elite")
    find_in_order(case.heads.get("FALLBACK", []), fallback, "the Fallback")
    find_in_order(case.heads.get("KERNEL", []), kernel, "the kernel form")
    for item in case.heads.get("KERNEL-NOT", []):
        assert item not in kernel
    for item in case.heads.get("ELITE-NOT", []):
        assert item not in elite
    for item in case.heads.get("FALLBACK-NOT", []):
        assert item not in fallback
    for row in case.heads.get("REJECTED", []):
        name, _, reason = row.partition(": ")
        assert any(r.function == name and reason in r.reason for r in result.rejected), (
            result.rejected
        )
    if "REJECTED" not in case.heads:
        assert result.rejected == ()
    for name in case.heads.get("FP", []):
        assert any(f.name == name and f.uses_fp for f in result.functions)

    for key, functions in (("STOP", result.functions), ("KERNEL-STOP", result.kernel)):
        if key in case.heads:
            assert stops_of(functions) == [row for row in case.heads[key] if row != "none"]

    source = tmp_path / "out.s"
    source.write_text(result.text, encoding="utf-8")
    for assembler in case.names("assembler") or ("gcc", "clang"):
        command = [assembler, "-c", str(source), "-o", str(tmp_path / "out.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path",
    [p for p in CASES if {"SITE", "RETURN"} & read_case(p).heads.keys()],
    ids=lambda path: path.stem,
)
def test_sites_of_case(path: Path) -> None:
    case = read_case(path)
    unit = project_unit(case.text, case.request())
    combined_text(unit)
    sites = {site.name: site.rule for site in unit.tables.sites}
    for row in case.heads.get("SITE", []):
        name, *rest = row.split()
        assert name in sites
        if rest:
            assert rule_row(sites[name]) == [word for word in rest if word != "-"]
    if "RETURN" in case.heads:
        returns = [" ".join(rule_row(rule)) for _, _, rule in unit.tables.returns]
        assert returns == case.heads["RETURN"]
