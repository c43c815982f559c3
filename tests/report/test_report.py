# SPDX-License-Identifier: GPL-2.0-only
"""lp report: what it tells at each stage, and of what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lp_build.report.gather import gather
from lp_build.report.html import render_report
from lp_build.report.model import FileView, Report
from lp_build.statistics import read_run
from tests.rebuild.support import HOT, Server
from tests.report.conftest import Sample
from tests.report.support import write_run
from tests.wrapper.support import HANDLER, MAIN, Project


def told(server: Server | Project, *words: str) -> dict[str, Any]:
    """The summary that `lp report` prints."""
    project = server.project if isinstance(server, Server) else server
    result = project.lp("report", "--json", *words)
    assert result.status == 0, result.err
    data: dict[str, Any] = json.loads(result.out)
    assert Path(data["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    return data


def refused(server: Server, *words: str) -> str:
    """What it says when it can't."""
    result = server.project.lp("report", *words)
    assert result.status == 1
    assert "Traceback" not in result.err
    assert "remedy: " in result.err
    return result.err


@pytest.fixture(scope="module")
def report(sample: Sample) -> Report:
    """Of the sample's two runs."""
    return gather(sample.build, [], [read_run(path) for path in sample.runs])


def file_of(report: Report, name: str) -> FileView:
    """One of its files."""
    return next(file for file in report.files if file.name == name)


# -- stages --------------------------------------------------------------------------------------


def test_nothing_to_report(fresh: Server) -> None:
    """Before the first build."""
    assert "there is nothing to report yet" in refused(fresh)


def test_each_stage_has_its_report(fresh: Server) -> None:
    """From a build that nobody has run yet, to runs in Elite."""
    fresh.project.wrap_ok("--phase", "scout", "make", "-s")
    first = told(fresh)
    assert first["stages"] == {
        "captured": True, "traced": False, "decided": False, "built": False, "run": False
    }  # fmt: skip
    assert {row["state"] for row in first["not_elite"]} == {"unseen"}

    assert fresh.project.run("./server", *HOT).status == 0
    scouted = told(fresh)
    assert (scouted["stages"]["traced"], scouted["stages"]["decided"]) == (True, False)
    assert scouted["requests_traced"] == len(HOT)
    assert scouted["covered"] == 1.0  # as `lp manifest` would decide

    fresh.manifest()
    decided = told(fresh)
    assert (decided["stages"]["decided"], decided["stages"]["built"]) == (True, False)
    assert decided["elite"] == []

    fresh.build()
    names = {row["name"]: row for row in told(fresh)["elite"]}
    assert set(names) == {"handle", "store_add"}
    assert names["handle"]["bytes"] > 0

    fresh.run()
    run = told(fresh, "--stats", "stats.json")
    assert run["share"] < 1
    assert ("server.c", 14) in {(row["file"], row["line"]) for row in run["deopts"]}


def test_without_traces_the_manifest_tells_the_counts(built: Server) -> None:
    """As on a machine that has only the commit."""
    manifest = built.root / "lp-manifest.toml"
    traces = built.project.build.traces
    hidden = traces.rename(traces.with_name("elsewhere"))
    try:
        report = gather(built.project.build, [], [])
    finally:
        hidden.rename(traces)
    assert report.classes == ()
    (site,) = next(f for f in report.functions if f.name == "store_add").sites
    assert [(arm.name, arm.count, arm.hot) for arm in site.arms] == [
        ("true", 0, False),
        ("false", len(HOT), True),
    ]
    assert manifest.exists()


# -- what it tells -------------------------------------------------------------------------------


def test_cold_arms_are_told_from_hot_ones(report: Report) -> None:
    """Line by line, with what was counted there."""
    lines = {line.number: line for line in file_of(report, "protocol.c").lines}
    (unlikely,) = (n for n, line in lines.items() if "bad id" in line.text)
    assert lines[unlikely].state == "cold"
    assert lines[unlikely - 2].state == "hot"
    site = lines[unlikely - 2].sites[0]
    assert (site.verdict, [arm.hot for arm in site.arms]) == ("unlikely", [False, True])
    assert {line.state for line in lines.values()} == {"", "hot", "cold", "out"}


def test_deopts_stand_at_their_lines(report: Report, sample: Sample) -> None:
    """Those of all runs together."""
    data = [json.loads(path.read_text(encoding="utf-8")) for path in sample.runs]
    wanted = sum(run["deopts"]["total"] for run in data)
    assert sum(line.hits for file in report.files for line in file.lines) == wanted
    assert report.total is not None
    assert report.total.requests == sum(run["requests"] for run in data)


def test_classes_add_up(report: Report) -> None:
    """Shares of requests, the chosen ones first."""
    requests = report.classes[0]
    assert sum(row.gain for row in requests.rows) + requests.rest_count == requests.total
    chosen = [row.chosen for row in requests.rows]
    assert chosen == sorted(chosen, reverse=True)
    assert requests.covered >= requests.threshold


def test_edited_manifest_decides_on_the_classes(sample: Sample) -> None:
    """Not what `lp manifest` would choose from the traces."""
    manifest = sample.build.manifest
    text = manifest.read_text(encoding="utf-8")
    before, name, after = text.partition('name = "run_get"')
    manifest.write_text(
        before + name + after.replace("elite = true", "elite = false", 1), encoding="utf-8"
    )
    try:
        edited = gather(sample.build, [], [])
    finally:
        manifest.write_text(text, encoding="utf-8")
    assert edited.covered is not None
    assert 0 < edited.covered < edited.classes[0].threshold


def test_inlined_functions_are_elite_too(report: Report) -> None:
    """They have no copy of their own."""
    states = {f.name: f.state for f in report.functions}
    assert states["parse_method"] == "inlined"
    assert states["parse_request"] == "elite"
    assert states["run_stats"] == "cold"
    assert states["table_init"] == "unseen"


def test_units_compiled_plainly_are_told_with_the_reason(tmp_path: Path) -> None:
    """And nothing else about them is lost."""
    project = Project(tmp_path).write(
        handler__c=HANDLER, main__c=MAIN, lp__toml='request = "handle"\n'
    )
    assert project.cc("-c", "handler.c").status == 0
    assert project.cc("-fsanitize=address", "-c", "main.c").status == 0
    (note,) = (n for n in told(project)["notes"] if n["what"] == "unit")
    assert note["file"] == "main.c"
    assert "sanitize" in note["reason"]


def test_units_that_our_passes_cannot_handle_are_told_with_the_reason(tmp_path: Path) -> None:
    """As what only gcc knows. The build went well."""
    project = Project(tmp_path).write(
        main__c=f"_Decimal64 price;\n{MAIN}", lp__toml='request = "handle"\n'
    )
    assert project.cc("-c", "main.c").status == 0
    (note,) = (n for n in told(project)["notes"] if n["what"] == "unit")
    assert (note["file"], note["line"]) == ("main.c", 1)
    assert "decimal" in note["reason"]


def test_function_that_cannot_be_elite_is_told_with_the_reason(fresh: Server) -> None:
    """As the projection gave it."""
    store = fresh.root / "store.c"
    text = store.read_text(encoding="utf-8")
    text = text.replace("int store_add", "__attribute__((weak)) int store_add")
    store.write_text(text, encoding="utf-8")
    fresh.scout()
    fresh.build()
    reasons = {row["name"]: row for row in told(fresh)["not_elite"]}
    assert reasons["store.c:store_add"]["state"] == "rejected"
    assert "weak" in reasons["store.c:store_add"]["reason"]


def test_source_that_is_gone_is_told(built: Server, tmp_path: Path) -> None:
    """The rest of the report stands."""
    store = built.root / "store.c"
    kept = store.rename(tmp_path / "store.c")
    try:
        report = gather(built.project.build, [], [])
    finally:
        kept.rename(store)
    assert "cannot be read" in file_of(report, "store.c").problem
    assert "cannot be read" in render_report(report, built.root)


# -- the file ------------------------------------------------------------------------------------


def test_file_needs_nothing_else(report: Report, sample: Sample) -> None:
    """No address is followed, no file is read: all links lead into the file itself."""
    html = render_report(report, sample.root)
    links = re.findall(r'(?:href|src|action)="([^"]*)"', html)
    assert links
    assert {link[:1] for link in links} == {"#"}
    assert not re.search(r"@import|url\(|<link|fetch\(|XMLHttpRequest", html)


def test_links_lead_somewhere(report: Report, sample: Sample) -> None:
    """Each to something that is in the file."""
    html = render_report(report, sample.root)
    ids = set(re.findall(r' id="([^"]*)"', html))
    assert set(re.findall(r'href="#([^"]*)"', html)) <= ids


def test_source_is_shown_as_text(fresh: Server) -> None:
    """Whatever is in it."""
    source = fresh.root / "store.c"
    evil = '/* </div></script><script>alert("no")</script> & */\n'
    source.write_text(evil + source.read_text(encoding="utf-8"), encoding="utf-8")
    fresh.scout()
    html = render_report(gather(fresh.project.build, [], []), fresh.root)
    assert "alert" in html
    assert "<script>alert" not in html


# -- input that is missing or damaged ------------------------------------------------------------


def test_missing_statistics(built: Server) -> None:
    """By name."""
    error = refused(built, "--stats", "nowhere.json")
    assert "nowhere.json: cannot read the statistics of a run: No such file" in error


@pytest.mark.parametrize("kept", [0, 1, 40, -4])
def test_statistics_that_are_cut_off(built: Server, tmp_path: Path, kept: int) -> None:
    """As of a process that was killed, at any place."""
    path = write_run(tmp_path / "stats.json", rare=("server.c:handle:0:true", 13, 2))
    path.write_text(path.read_text(encoding="utf-8")[:kept], encoding="utf-8")
    error = refused(built, "--stats", str(path))
    assert str(path) in error
    assert "cut off" in error or "without content" in error


def test_something_else_than_statistics(built: Server, tmp_path: Path) -> None:
    """Valid JSON, but of what?"""
    path = tmp_path / "other.json"
    for text in ("[]", "{}", '{"deopts": {"sites": [1]}}'):
        path.write_text(text, encoding="utf-8")
        assert "no statistics of a specialised program" in refused(built, "--stats", str(path))


def test_run_without_elite_is_pointed_out(built: Server, tmp_path: Path) -> None:
    """It says nothing about Elite."""
    path = write_run(tmp_path / "off.json", requests=0, elite="off")
    notes = told(built, "--stats", str(path))["notes"]
    assert any("Elite off" in note["reason"] for note in notes)


def test_run_that_was_kept_out_of_the_kernel_is_pointed_out(built: Server, tmp_path: Path) -> None:
    path = write_run(tmp_path / "out.json", elite="kernel", shut_out="no driver")
    notes = told(built, "--stats", str(path))["notes"]
    said = "out.json: 1 thread stayed out of the kernel: no driver"
    assert said in [note["reason"] for note in notes]


def test_damaged_trace(built: Server, tmp_path: Path) -> None:
    """Another file with a trace's name."""
    (tmp_path / "trace.1.0.lpt").write_text("not a trace, but as long as one" * 9)
    assert "not a trace file" in refused(built, str(tmp_path))


def test_damaged_record_of_elite_functions(built: Server) -> None:
    """As by a full disk."""
    path = next(iter(built.project.build.units.glob("*/elite.json")))
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:9], encoding="utf-8")
    try:
        assert "damaged record of Elite functions" in refused(built)
    finally:
        path.write_text(whole, encoding="utf-8")


# -- printing ------------------------------------------------------------------------------------


def test_quiet_prints_nothing(built: Server, tmp_path: Path) -> None:
    """And writes the report."""
    target = tmp_path / "r.html"
    result = built.project.lp("report", "--quiet", "-o", str(target))
    assert (result.status, result.out, result.err) == (0, "", "")
    assert target.exists()


def test_no_color_is_honoured(built: Server, tmp_path: Path) -> None:
    """Even where colours are forced on."""
    words = ("report", "-o", str(tmp_path / "r.html"))
    forced = built.project.lp(*words, FORCE_COLOR="1", TERM="xterm")
    plain = built.project.lp(*words, FORCE_COLOR="1", TERM="xterm", NO_COLOR="1")
    assert "\x1b[3" in forced.out or "\x1b[1" in forced.out
    assert not re.search(r"\x1b\[[\d;]*3\d", plain.out)


def test_report_that_cannot_be_written(built: Server) -> None:
    """Where, and what to do."""
    assert "/proc/r.html: cannot write the report" in refused(built, "-o", "/proc/r.html")
