# SPDX-License-Identifier: GPL-2.0-only
"""The manifest: what it decides, and that people can read, edit and mistype it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lp_build.config import Config
from lp_build.errors import LakePlacidError
from lp_build.manifest.classes import Profile, merge_traces
from lp_build.manifest.manifest import (
    check_sites,
    format_manifest,
    is_edited,
    load_counts,
    load_manifest,
    manifest_from,
    merge_profile,
)
from lp_build.manifest.traces import PathClass, Target
from lp_build.model.verdicts import Manifest, Verdict
from tests.manifest.support import condition, function, icall, path, profile, switch, trace

GET = function(
    "get", condition(0), condition(1), condition(2), switch(3, "case0", "default"), icall(4)
)
READER = function("reader", file="io.c", static=True)
COLD = function("cold", condition(0))
SEEN = profile(
    (GET, READER, COLD),
    path(90, "get", "get:0:true", "get:1:false", "get:2:true", "get:2:false", "get:3:case0"),
    path(1, "get", "cold", "cold:0:true"),
    targets=(Target("a.c:get:4", "io.c:reader", 90), Target("a.c:get:4", "recv", 2)),
)
CONFIG = Config(request="get", threshold=0.9)


def decide() -> Manifest:
    return manifest_from(SEEN, CONFIG, merge_profile(SEEN, CONFIG.threshold))


def written(tmp_path: Path) -> Path:
    place = tmp_path / "lp-manifest.toml"
    place.write_text(format_manifest(decide(), SEEN), encoding="utf-8")
    return place


def test_each_conditional_is_likely_unlikely_or_unknown() -> None:
    assert decide().functions["a.c:get"].conditions == {
        0: Verdict.LIKELY,
        1: Verdict.UNLIKELY,
        2: Verdict.UNKNOWN,
    }


def test_a_switch_keeps_the_arms_that_were_reached() -> None:
    assert decide().functions["a.c:get"].switches == {3: ("case0",)}


def test_observed_targets_are_named_by_their_function_the_commonest_first() -> None:
    assert decide().functions["a.c:get"].targets == {4: ("io.c:reader", "recv")}


def test_functions_of_accepted_classes_are_elite_and_others_are_not() -> None:
    manifest = decide()
    assert {f.name: f.elite for f in manifest.functions.values()} == {"get": True, "cold": False}


def test_the_loop_function_is_elite_when_iterations_were_seen() -> None:
    loop = function("serve", condition(0))
    seen = profile((GET, loop), path(5, "get"), path(6, "serve:0:true", "serve:0:false", kind=1))
    config = Config(request="get", loop="serve")
    manifest = manifest_from(seen, config, merge_profile(seen, 0.9))
    assert manifest.functions["a.c:serve"].elite


def test_conditionals_that_turn_on_the_time_keep_both_arms_where_lp_toml_says_so() -> None:
    config = Config(request="get", threshold=0.9, unknown=["a.c:get", "cold"])
    manifest = manifest_from(SEEN, config, merge_profile(SEEN, 0.9))
    get = manifest.functions["a.c:get"]
    assert set(get.conditions.values()) == {Verdict.UNKNOWN}
    assert get.switches == {3: ("case0", "default")}
    assert not manifest.functions["a.c:cold"].elite  # it says nothing of who calls it


def test_unknown_function_under_unknown_is_an_error() -> None:
    config = Config(request="get", threshold=0.9, unknown=["gone"])
    with pytest.raises(LakePlacidError, match="`unknown` names `gone`"):
        manifest_from(SEEN, config, merge_profile(SEEN, 0.9))


def test_without_a_request_there_is_nothing_to_decide() -> None:
    empty = profile((GET,))
    with pytest.raises(LakePlacidError, match="no request was seen"):
        manifest_from(empty, CONFIG, merge_profile(empty, 0.9))


def test_requests_of_another_function_decide_nothing() -> None:
    config = Config(request="serve", threshold=0.9)
    with pytest.raises(LakePlacidError, match="none of them is of `serve` as it is now"):
        manifest_from(SEEN, config, merge_profile(SEEN, 0.9))


@pytest.mark.parametrize(
    ("symbol", "key"),
    [
        ("unit.c:inline", "util.h:inline"),  # static, in a header: the symbol's file is the unit
        (":hidden", "a.c:hidden"),  # hidden from other files, so local in the program
        ("global", "a.c:global"),
        ("twice", "twice"),  # of a library: neither of our two static ones
        ("b.c:twice", "b.c:twice"),
        ("recv", "recv"),
    ],
)
def test_a_target_is_known_by_its_symbol(symbol: str, key: str) -> None:
    functions = (
        GET,
        function("inline", file="util.h", static=True),
        function("hidden"),
        function("global"),
        function("twice", file="a.c", static=True),
        function("twice", file="b.c", static=True),
    )
    seen = profile(functions, path(1, "get"), targets=(Target("a.c:get:4", symbol, 1),))
    manifest = manifest_from(seen, CONFIG, merge_profile(seen, 0.9))
    assert manifest.functions["a.c:get"].targets == {4: (key,)}


VERSIONS = (
    GET,
    function("find", condition(0), file="find.h", digest="up", static=True),
    function("find", condition(0), file="find.h", digest="down", static=True),
)


def versions(tmp_path: Path) -> Profile:
    """Of a request that calls both versions of `find` by a pointer, in the unit of each."""
    found = function("other", file="b.c")
    arms = ("a.c:get", "find.h:find#up", "find.h:find#up:0:true", "find.h:find#down:0:false")
    seen = PathClass(0, frozenset((*arms, "find.h:find#down")), 4)
    target = Target("a.c:get:4", "b.c:find", 4)
    both = trace(tmp_path / "1", VERSIONS[:2], (seen,), (target,))
    (table,) = trace(tmp_path / "2", (found, VERSIONS[2]), ()).tables
    return merge_traces([replace(both, tables=(*both.tables, table))], None)


def test_each_version_of_a_function_has_verdicts_of_its_own(tmp_path: Path) -> None:
    seen = versions(tmp_path)
    manifest = manifest_from(seen, CONFIG, merge_profile(seen, 0.9))
    assert manifest.functions["find.h:find#up"].conditions == {0: Verdict.LIKELY}
    assert manifest.functions["find.h:find#down"].conditions == {0: Verdict.UNLIKELY}
    place = tmp_path / "lp-manifest.toml"
    place.write_text(format_manifest(manifest, seen), encoding="utf-8")
    assert load_manifest(place) == manifest
    assert load_counts(place)["find.h:find#down:0:false"] == 4


def test_a_target_in_two_versions_is_that_of_its_unit(tmp_path: Path) -> None:
    seen = versions(tmp_path)
    manifest = manifest_from(seen, CONFIG, merge_profile(seen, 0.9))
    assert manifest.functions["a.c:get"].targets == {4: ("find.h:find#down",)}


def test_a_version_that_no_request_entered_is_there_and_not_elite(tmp_path: Path) -> None:
    one, other = VERSIONS[1:]
    seen = PathClass(0, frozenset({"a.c:get", "find.h:find"}), 4)
    current = {GET.key: {"d0": GET}, one.key: {"up": one, "down": other}}
    merged = merge_traces([trace(tmp_path / "1", VERSIONS[:2], (seen,))], current)
    manifest = manifest_from(merged, CONFIG, merge_profile(merged, 0.9))
    assert manifest.functions["find.h:find#up"].elite
    assert not manifest.functions["find.h:find#down"].elite


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert load_manifest(written(tmp_path)) == decide()


def test_an_edited_verdict_is_followed(tmp_path: Path) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace('verdict = "likely"', 'verdict = "unknown"'), encoding="utf-8")
    assert load_manifest(place).functions["a.c:get"].conditions[0] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('verdict = "likely"', 'verdict = "always"', "no such verdict: 'always'"),
        ('verdict = "likely"', 'verdct = "likely"', "unknown key `verdct`"),
        ('kind = "switch"', 'kind = "swich"', "no such kind of site: 'swich'"),
        ("elite = true", "elite = true\nfast = true", "unknown key `fast`"),
        ("version = 1", "version = 7", "version 7"),
        ("threshold = 0.9", "treshold = 0.9", "unknown key `treshold`"),
        ("[[function]]", "[function]]", "not valid TOML"),
        ("threshold = 0.9", 'threshold = "much"', "`threshold` has the wrong type"),
        ("covered = ", "covered = true # ", "`covered` has the wrong type"),
        ("elite = true", 'elite = "yes"', "`elite` of a function has the wrong type"),
        ('["case0"]', '"case0"', "`hot` is no list of names"),
        ('["io.c:reader", "recv"]', "[1]", "`targets` is no list of names"),
        ("{ site = 1,", "{ site = 0,", "site 0 stands here twice"),
        ('name = "get"', 'name = "cold"', "a.c:cold stands here twice with one digest"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, part: str) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8").replace(old, new, 1)
    place.write_text(text, encoding="utf-8")
    with pytest.raises(LakePlacidError) as caught:
        load_manifest(place)
    assert part in caught.value.message
    assert caught.value.remedy
    line = caught.value.line
    if line is not None:
        word = new.rpartition("\n")[2].split()[0]
        assert word in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    ("old", "new", "part", "near"),
    [
        ("\ndigest =", "\n# digest =", "a function lacks `digest`", "[[function]]"),
        ("{ site = 1,", "{ site = true,", "a site without its number", "sites = ["),
    ],
)
def test_what_is_missing_is_named_with_a_line_near_it(
    tmp_path: Path, old: str, new: str, part: str, near: str
) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8")
    at = text.index("[[function]]", text.index('name = "cold"') + 1)
    text = text[:at] + text[at:].replace(old, new, 1)
    place.write_text(text, encoding="utf-8")
    with pytest.raises(LakePlacidError) as caught:
        load_manifest(place)
    assert part in caught.value.message
    line = text[:at].count("\n") + 1
    assert caught.value.line is not None
    assert text.splitlines()[caught.value.line - 1] == near
    assert caught.value.line >= line


def test_a_mistake_in_one_function_is_not_looked_for_in_another(tmp_path: Path) -> None:
    place = written(tmp_path)
    lines = place.read_text(encoding="utf-8").splitlines()
    at = max(n for n, line in enumerate(lines) if line.startswith("elite ="))
    lines[at] = "elite = 1"
    place.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(LakePlacidError) as caught:
        load_manifest(place)
    assert caught.value.line == at + 1


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    place = tmp_path / "lp-manifest.toml"
    place.write_bytes(b"version = 1\n# caf\xe9\n")
    with pytest.raises(LakePlacidError, match="not text in UTF-8") as caught:
        load_manifest(place)
    assert caught.value.line == 2


def test_a_verdict_of_another_kind_than_its_site_is_an_error(tmp_path: Path) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8").replace('site = 3, kind = "switch"', "site = 3")
    row = next(n for n, line in enumerate(text.splitlines(), 1) if "site = 3" in line)
    text = text.replace("site = 3,", 'site = 3, kind = "if", verdict = "likely",')
    text = text.replace(', hot = ["case0"]', "")
    place.write_text(text, encoding="utf-8")
    with pytest.raises(LakePlacidError, match=r"site 3 of a\.c:get is of another kind") as caught:
        check_sites(load_manifest(place), {GET.key: {"d0": GET}}, place)
    assert caught.value.line == row


def test_a_manifest_knows_whether_it_was_edited() -> None:
    text = format_manifest(decide(), SEEN)
    assert not is_edited(text)
    assert not is_edited(text.rstrip("\n"))
    assert is_edited(text.replace('verdict = "likely"', 'verdict = "unknown"', 1))
    assert is_edited("version = 1\n")


def test_a_verdict_for_a_site_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8").replace("{ site = 2,", "{ site = 22,")
    place.write_text(text, encoding="utf-8")
    with pytest.raises(LakePlacidError, match=r"a\.c:get has no site 22"):
        check_sites(load_manifest(place), {GET.key: {"d0": GET}}, place)


def test_an_arm_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    place = written(tmp_path)
    text = place.read_text(encoding="utf-8").replace('["case0"]', '["case9"]')
    place.write_text(text, encoding="utf-8")
    with pytest.raises(LakePlacidError, match="no arm `case9`"):
        check_sites(load_manifest(place), {GET.key: {"d0": GET}}, place)


def test_a_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LakePlacidError, match="lp manifest"):
        load_manifest(tmp_path / "none.toml")
