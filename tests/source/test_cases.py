# SPDX-License-Identifier: GPL-2.0-only
"""The source passes, hazard by hazard: each file of cases/ is a program and says in its head which
sites it has. Instrumented and marked, it must compile and print what it printed before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lp_build.source.parse import parse_unit
from lp_build.source.scout import scout_source
from lp_build.source.sites import find_sites
from lp_build.source.specialize import specialize_source

from . import programs
from .programs import Case, Run, arm_names, build_dir, compile_and_run, manifest_of, preprocess

CASES = sorted((programs.HERE / "cases").glob("*.c"))
LEVELS = ("-O0", "-O2")


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime that scouted programs are linked with here."""
    return programs.stub_runtime(tmp_path_factory.mktemp("stub"))


def _combinations() -> list[object]:
    """Each program with each compiler that it is for."""
    found: list[object] = []
    for path in CASES:
        case = programs.read_case(path)
        for compiler in case.heads.get("compilers", " ".join(programs.COMPILERS)).split():
            found.append(pytest.param(case, compiler, id=f"{path.stem}-{compiler}"))
    return found


each_case = pytest.mark.parametrize(("case", "compiler"), _combinations())


@pytest.fixture(scope="module")
def plain_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case, str, str], Run]:
    """What each program prints as it is, once for all tests."""
    known: dict[tuple[Path, str, str], Run] = {}
    program = tmp_path_factory.mktemp("plain") / "plain"

    def run(case: Case, compiler: str, level: str) -> Run:
        key = case.path, compiler, level
        if key not in known:
            flags = [*case.flags, level, "-w"]
            known[key] = compile_and_run(compiler, flags, [case.path], program)
        return known[key]

    return run


def scouted(case: Case, compiler: str) -> bytes:
    text = preprocess(compiler, case.path, case.flags)
    folder = str(case.path.parent)
    return scout_source(text, cwd=folder, build=build_dir(case.path), config=case.config).text


@each_case
def test_the_sites_are_those_that_the_case_names(case: Case, compiler: str) -> None:
    text = preprocess(compiler, case.path, case.flags)
    build = build_dir(case.path)
    unit = parse_unit(text)
    functions = find_sites(unit, {f.position.file: f.position.file for f in unit.functions})
    found = {f.function.name: f for f in functions}
    for name, kinds in case.by_function("sites").items():
        assert [site.kind for site in found[name].function.sites] == kinds, name
    for place, arms in case.by_function("arms").items():
        name, _, ordinal = place.partition(":")
        site = found[name].function.sites[int(ordinal)]
        assert [arm.name for arm in site.arms] == arms, place
    for name, (count,) in case.by_function("loops").items():
        assert len(found[name].loops) == int(count), name
    left = case.heads.get("left", "").split()
    assert not set(left) & set(found)
    reasons = " ".join(problem.reason for problem in unit.problems)
    assert all(f"{name} is left alone" in reasons for name in left)
    assert left or not unit.problems
    assert build.root == case.path.parent


@each_case
def test_scouted_it_prints_the_same_and_logs_its_arms(
    case: Case,
    compiler: str,
    stub: Path,
    plain_runs: Callable[[Case, str, str], Run],
    tmp_path: Path,
) -> None:
    text = scouted(case, compiler)
    edited = tmp_path / "scouted.i"
    edited.write_bytes(text)
    names = arm_names(programs.table_in(text))
    for level in LEVELS:
        flags = [*case.flags, level, "-w"]
        log = tmp_path / "log"
        run = compile_and_run(compiler, flags, [edited, stub], tmp_path / "program", log)
        assert run == plain_runs(case, compiler, level)
        lines = [line.split() for line in log.read_text().splitlines()]
        reached = {names[int(number)] for what, number, *_ in lines if what == "arm"}
        assert "main" in reached
        assert set(case.heads.get("reached", "").split()) <= reached
        assert not set(case.heads.get("missed", "").split()) & reached
        wanted = case.heads.get("icalls")
        made = sum(what == "icall" for what, *_ in lines)
        assert wanted is None or made == int(wanted)
        requests = next(row for row in lines if row[0] == "request")
        assert "longjmp" in case.path.stem or requests[1] == requests[2]
        assert int(requests[1]) > 0
        iterations = next(row for row in lines if row[0] == "iteration")
        assert ("loop" in case.heads) == (int(iterations[1]) > 0)


@each_case
@pytest.mark.parametrize("stress", [False, True], ids=["ordinary", "stress"])
def test_marked_it_prints_the_same(
    case: Case,
    compiler: str,
    stress: bool,
    plain_runs: Callable[[Case, str, str], Run],
    tmp_path: Path,
) -> None:
    text = preprocess(compiler, case.path, case.flags)
    folder, build = str(case.path.parent), build_dir(case.path)
    sites = scout_source(text, cwd=folder, build=build, config=case.config).sites
    marked = specialize_source(
        text,
        cwd=folder,
        build=build,
        config=case.config,
        manifest=manifest_of(sites),
        stress=stress,
        clang=compiler == "clang",
    )
    assert not marked.not_elite
    edited = tmp_path / "marked.i"
    edited.write_bytes(marked.text)
    for level in LEVELS:
        flags = [*case.flags, level, "-w"]
        run = compile_and_run(compiler, flags, [edited], tmp_path / "program")
        assert run == plain_runs(case, compiler, level)
