# SPDX-License-Identifier: GPL-2.0-only
"""Classes of equal paths: merged over traces, then greedily until the threshold is reached."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lp_build.manifest.classes import arm_weights, merge_classes, merge_traces, seen_too_little
from lp_build.manifest.traces import PathClass, Target
from tests.manifest.support import condition, function, path, profile, trace

GET = function("get", condition(0, true=100, false=7), condition(1, true=30, false=30))


def merge(threshold: float, *classes):  # type: ignore[no-untyped-def]
    return merge_classes(classes, arm_weights(profile((GET,)).functions), threshold)


def test_the_commonest_path_alone_is_enough_when_it_reaches_the_threshold() -> None:
    common = path(95, "get", "get:0:false")
    rare = path(5, "get", "get:0:true")
    result = merge(0.9, common, rare)
    assert [step.chosen for step in result.steps] == [common]
    assert result.covered == 0.95
    assert result.hot == common.arms


def test_the_rest_tells_what_the_next_class_would_cost() -> None:
    common = path(95, "get", "get:0:false")
    rare = path(5, "get", "get:0:true")
    (following,) = merge(0.9, common, rare).rest
    assert following.chosen == rare
    assert following.weight == 100
    assert following.covered == 100


def test_classes_whose_arms_are_all_hot_come_for_free() -> None:
    wide = path(60, "get", "get:0:false", "get:1:true", "get:1:false")
    narrow = path(40, "get", "get:0:false", "get:1:true")
    result = merge(0.99, wide, narrow)
    assert result.covered == 1.0
    assert sum(step.weight for step in result.steps) == 10 + 7 + 30 + 30


def test_of_classes_that_reach_the_threshold_the_cheapest_is_taken() -> None:
    first = path(80, "get", "get:0:false")
    dear = path(12, "get", "get:0:true")
    cheap = path(8, "get", "get:0:false", "get:1:true")
    result = merge(0.88, first, dear, cheap)
    assert [step.chosen for step in result.steps] == [first, cheap]


def chosen_anew(
    classes: list[PathClass], weights: dict[str, int], threshold: float, kind: int
) -> tuple[list[PathClass], list[PathClass]]:
    """The steps and the rest as `merge_classes` defines them, each step reckoned from nothing."""

    def cost(item: PathClass) -> int:
        return sum(weights.get(arm, 1) for arm in item.arms - hot)

    waiting = [c for c in classes if c.kind == kind]
    goal = math.ceil(threshold * sum(c.count for c in waiting) - 1e-9)
    hot: set[str] = set()
    covered = 0
    steps: list[PathClass] = []
    rest: list[PathClass] = []
    while waiting:
        done = covered >= goal and bool(steps)
        enough = [] if done else [c for c in waiting if covered + c.count >= goal]
        if enough:
            chosen = min(enough, key=lambda c: (cost(c), -c.count))
        else:
            chosen = max(waiting, key=lambda c: (c.count / (cost(c) + 1), c.count))
        (rest if done else steps).append(chosen)
        hot |= chosen.arms
        covered += sum(c.count for c in waiting if c.arms <= hot)
        waiting = [c for c in waiting if not c.arms <= hot]
    return steps, rest


@pytest.mark.parametrize("seed", range(40))
def test_the_merge_is_what_its_definition_says(seed: int) -> None:
    random = Random(seed)
    arms = [f"f:{number}" for number in range(30)]
    weights = {arm: random.choice((1, 3, 3, 50)) for arm in arms[:25]}  # some have none
    classes = [
        path(random.choice((1, 1, 5, 5, 90)), *random.sample(arms, random.randrange(12)), kind=kind)
        for kind in (0, 1)
        for _ in range(random.randrange(40))
    ]
    threshold = random.choice((0.5, 0.9, 0.99, 1.0))
    for kind in (0, 1):
        merged = merge_classes(classes, weights, threshold, kind)
        steps, rest = chosen_anew(classes, weights, threshold, kind)
        assert [id(step.chosen) for step in merged.steps] == [id(item) for item in steps]
        assert [id(step.chosen) for step in merged.rest] == [id(item) for item in rest]


def test_nothing_is_hot_without_requests() -> None:
    result = merge(0.9)
    assert (result.hot, result.covered) == (frozenset(), 0.0)


def test_equal_paths_of_several_processes_are_one_class(tmp_path: Path) -> None:
    one = trace(tmp_path / "1", (GET,), (path(3, "get"),))
    two = trace(tmp_path / "2", (GET,), (path(4, "get"), path(1, "get", "get:0:true")))
    merged = merge_traces([one, two], None)
    assert [c.count for c in merged.classes] == [7, 1]
    assert merged.requests() == 8


def test_targets_of_several_processes_are_added(tmp_path: Path) -> None:
    target = Target("a.c:get:2", "reader", 5)
    traces = [trace(tmp_path / n, (GET,), (path(1, "get"),), (target,)) for n in "12"]
    assert merge_traces(traces, None).targets == (Target("a.c:get:2", "reader", 10),)


def test_a_changed_function_is_left_out_and_named(tmp_path: Path) -> None:
    other = function("helper", condition(0), digest="new")
    old = function("helper", condition(0), digest="old")
    seen = path(5, "get", "helper", "helper:0:true")
    merged = merge_traces(
        [trace(tmp_path / "1", (GET, old), (seen,))],
        {other.key: {"new": other}, GET.key: {"d0": GET}},
    )
    assert merged.functions["a.c:helper"] == other
    (only,) = merged.classes
    assert only.arms == {"a.c:get"}
    (warning,) = merged.warnings
    assert "a.c:helper has changed" in warning


def test_of_two_versions_of_a_function_one_may_have_changed(tmp_path: Path) -> None:
    # An inline function of a header, in units that see other macros: its ordinals differ.
    other = function("helper", condition(0), digest="other")
    helper = function("helper", condition(0), condition(1), digest="common")
    both = trace(
        tmp_path / "1",
        (GET, helper, other),
        (
            path(5, "get", "helper#common", "helper#common:1:true"),
            path(1, "get", "helper#other", "helper#other:0:true"),
        ),
        (Target("a.c:helper#common:2", "reader", 5), Target("a.c:helper#other:2", "writer", 1)),
    )
    merged = merge_traces([both], {GET.key: {"d0": GET}, helper.key: {"common": helper}})
    assert merged.functions["a.c:helper"] == helper
    assert [c.arms for c in merged.classes] == [
        {"a.c:get", "a.c:helper", "a.c:helper:1:true"},
        {"a.c:get"},
    ]
    assert merged.targets == (Target("a.c:helper:2", "reader", 5),)
    (warning,) = merged.warnings
    assert "a.c:helper has changed since: what" in warning


def test_each_version_of_a_function_counts_for_itself(tmp_path: Path) -> None:
    other = function("helper", condition(0), digest="other")
    helper = function("helper", condition(0), condition(1), digest="common")
    seen = (
        path(5, "get", "helper#common", "helper#common:1:true"),
        path(1, "get", "helper#other", "helper#other:0:true"),
    )
    both = trace(tmp_path / "1", (GET, helper, other), seen)
    for current in (None, {GET.key: {"d0": GET}, helper.key: {"common": helper, "other": other}}):
        merged = merge_traces([both], current)
        assert merged.classes == seen
        assert merged.functions["a.c:helper#common"] == helper
        assert merged.functions["a.c:helper#other"] == other
        assert not merged.warnings


def test_a_version_of_another_program_is_told_apart(tmp_path: Path) -> None:
    # The program that was scouted has one version, and says so in none of its arms' names.
    other = function("get", condition(0), digest="other")
    seen = trace(tmp_path / "1", (GET,), (path(1, "get", "get:0:true"),))
    merged = merge_traces([seen], {GET.key: {"d0": GET, "other": other}})
    assert [c.arms for c in merged.classes] == [{"a.c:get#d0", "a.c:get#d0:0:true"}]
    assert not merged.warnings


@pytest.mark.parametrize(
    ("counts", "said"),
    [((1000, 9), ""), ((1000, *(1,) * 20), "20 of 1020 requests"), ((1,), "1 of 1 requests")],
)
def test_too_little_was_seen_where_too_many_ways_were_gone_once(
    counts: tuple[int, ...], said: str
) -> None:
    classes = [path(count, "get", f"get:{n}:true") for n, count in enumerate(counts)]
    found = seen_too_little(profile((GET,), *classes), 0.99)
    assert said in found
    assert bool(found) == bool(said)


def test_without_sources_the_newest_build_counts(tmp_path: Path) -> None:
    old = function("get", condition(0), digest="old")
    before = trace(tmp_path / "1", (old,), (path(100, "get"),))
    after = replace(trace(tmp_path / "2", (GET,), (path(1, "get"),)), modified=1)
    assert merge_traces([before, after], None).functions["a.c:get"] == GET
    assert merge_traces([after, before], None).functions["a.c:get"] == GET


def test_a_function_that_changed_is_named_once_for_all_traces(tmp_path: Path) -> None:
    old = function("get", condition(0), digest="old")
    traces = [trace(tmp_path / n, (old,), (path(1, "get"),)) for n in "123"]
    (warning,) = merge_traces(traces, {GET.key: {"d0": GET}}).warnings
    assert f"what {tmp_path}/1 and 2 more traces saw there is left out" in warning


def test_a_function_that_changed_but_was_not_entered_is_not_named(tmp_path: Path) -> None:
    old = function("helper", condition(0), digest="old")
    seen = trace(tmp_path / "1", (GET, old), (path(1, "get"),))
    new = function("helper", condition(0), digest="new")
    current = {GET.key: {"d0": GET}, new.key: {"new": new}}
    assert merge_traces([seen], current).warnings == ()


def test_a_file_may_be_called_anything(tmp_path: Path) -> None:
    odd = function("get", condition(0), file="a#b.c")
    seen = PathClass(0, frozenset({"a#b.c:get", "a#b.c:get:0:true"}), 2)
    merged = merge_traces([trace(tmp_path / "1", (odd,), (seen,))], None)
    assert merged.functions == {"a#b.c:get": odd}
    assert merged.classes == (seen,)


def test_a_threshold_is_met_by_just_as_many_requests(tmp_path: Path) -> None:
    # 0.55 * 100 is 55.00000000000001 in floating point.
    first = path(55, "get", "get:0:false")
    assert merge(0.55, first, path(45, "get", "get:0:true")).covered == 0.55
