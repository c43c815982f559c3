# SPDX-License-Identifier: GPL-2.0-only
"""LP_FORCE_DEOPT in a stress build: where Elite leaves, what it refuses, and that state survives.

In these programs every frame begins with a check, and the innermost frame (at a depth that the test
gives) has one more that `stay` keeps from being reached.
"""

from __future__ import annotations

import pytest

from .conftest import Builder, Finished


def frames(build: Builder, force: str, depth: int, count: int = 1, **keys: str) -> Finished:
    env = {"LP_FORCE_DEOPT": force} if force else {}
    return build(stress=True, **keys).check("frames", str(depth), str(count), env=env)


def test_nothing_is_forced_unless_asked_for(build: Builder) -> None:
    done = frames(build, "", 5)
    assert (done.values["frames_elite"], done.values["frames_fallback"]) == (5, 0)
    assert done.stats["finished_in_elite"] == 1


@pytest.mark.parametrize("mode", ["wait", "queue"])
def test_all_leaves_at_the_first_site(build: Builder, mode: str) -> None:
    done = frames(build, "all", 5, 100, mode=mode)
    assert (done.values["frames_elite"], done.values["frames_fallback"]) == (0, 500)
    assert done.stats["deopts"]["total"] == 100


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_nth_leaves_at_the_nth_site_of_each_request(build: Builder, nth: int) -> None:
    done = frames(build, f"nth:{nth}", 5, 10)
    assert done.values["frames_elite"] == 10 * (nth - 1)
    assert done.values["frames_fallback"] == 10 * (6 - nth)
    assert done.stats["deopts"]["total"] == 10


def test_nth_beyond_the_last_site_leaves_nowhere(build: Builder) -> None:
    assert frames(build, "nth:6", 5, 10).stats["finished_in_elite"] == 10


def test_site_leaves_at_that_site_only(build: Builder) -> None:
    done = frames(build, "site:app.c:by_rbp:call@20:request", 5, 10)
    assert (done.values["frames_elite"], done.values["frames_fallback"]) == (10, 40)
    names = [site["name"] for site in done.stats["deopts"]["sites"]]
    assert names == ["app.c:by_rbp:call@20:request"]


def test_random_is_the_same_for_the_same_seed(build: Builder) -> None:
    runs = [frames(build, f"random:{seed}:0.1", 5, 1000) for seed in (1, 1, 2)]
    left = [run.stats["deopts"]["sites"] for run in runs]
    assert left[0] == left[1] != left[2]
    # A request has five sites: it leaves with probability 1 - 0.9^5, 0.41.
    assert 350 < runs[0].stats["deopts"]["total"] < 470


@pytest.mark.parametrize(("share", "left"), [("0", 0), ("0.0", 0), ("1", 100), ("1.0", 100)])
def test_random_at_the_ends_of_its_range(build: Builder, share: str, left: int) -> None:
    assert frames(build, f"random:7:{share}", 5, 100).stats["deopts"]["total"] == left


@pytest.mark.parametrize("force", ["nth:99", "nth:5", "random:3:0.3", "all"])
@pytest.mark.parametrize("mode", ["wait", "queue"])
def test_all_registers_survive_a_check(build: Builder, mode: str, force: str) -> None:
    """Not forced, the check goes on in Elite with every register; forced, the Fallback has them."""
    build(mode=mode, stress=True).check("registers", "4", env={"LP_FORCE_DEOPT": force})


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_eight_threads_at_random(build: Builder, compiler: str) -> None:
    env = {"LP_FORCE_DEOPT": "random:11:0.2"}
    stats = build(compiler, stress=True).check("threads", "8", "5000", env=env).stats
    assert stats["requests"] == 40000
    assert 0 < stats["finished_in_elite"] < 40000


def refused(build: Builder, force: str, *, stress: bool = True) -> str:
    done = build(stress=stress).run("elite", "1", "1", env={"LP_FORCE_DEOPT": force})
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("lakeplacid: LP_FORCE_DEOPT=")
    assert "\n  remedy: " in done.err
    return done.err


@pytest.mark.parametrize(
    ("force", "why"),
    [
        ("some", "not understood"),
        ("All", "not understood"),
        ("nth:", "a number is missing"),
        ("nth:0", "N is not a number from 1"),
        ("nth:-1", "a number is missing"),
        ("nth:2x", "N is not a number from 1"),
        ("nth:99999999999999999999", "the number is too large"),
        ("random:1", "a probability is missing"),
        ("random::0.5", "a number is missing"),
        ("random:1:", "the probability is missing"),
        ("random:1:2", "the probability is not from 0 to 1"),
        ("random:1:0.5x", "the probability is not from 0 to 1"),
        ("random:1:nan", "the probability is missing"),
    ],
)
def test_malformed_requests_are_refused(build: Builder, force: str, why: str) -> None:
    assert f"LP_FORCE_DEOPT={force}: {why}\n" in refused(build, force)


def test_a_site_that_does_not_exist_is_refused_with_the_nearest(build: Builder) -> None:
    message = refused(build, "site:app.c:leaf:1:esle")
    assert "app.c:leaf:1:esle: no such site" in message
    nearest = message.partition("nearest:")[2].split()
    assert nearest[0] == "app.c:leaf:1:else"


def test_an_ordinary_build_refuses(build: Builder) -> None:
    assert "lp build --stress" in refused(build, "all", stress=False)


def test_an_empty_request_is_none(build: Builder) -> None:
    build().check("elite", "1", "1", env={"LP_FORCE_DEOPT": ""})
