# SPDX-License-Identifier: GPL-2.0-only
"""The choice of the request function, on the shapes that servers have: small surveys by hand."""

from __future__ import annotations

from lp_build.init.candidates import find_loop, rank
from lp_build.init.survey import Counts, Edge, Survey
from lp_build.source.survey import SurveyedFunction, SurveyedLoop

MESSAGES = 1000


class Shape:
    """A survey being made up: functions with their counts, and who calls whom."""

    def __init__(self) -> None:
        self.survey = Survey()

    def function(self, name: str, calls: int, cycles: int, **counts: int) -> Shape:
        """A function. own_…: what happens in it; receives, sends, waits: below it, as told."""
        key = f"s.c:{name}"
        rounds = counts.pop("rounds", 0)
        loops = (SurveyedLoop(2, True),) if rounds else ()
        self.survey.functions[key] = SurveyedFunction("s.c", name, 1, loops)
        received, sent = counts.get("receives", 0), counts.get("sends", 0)
        self.survey.counts[key] = Counts(
            calls=calls,
            cycles=cycles,
            received=min(received, calls),
            sent=min(sent, calls),
            iterations=rounds,
        )
        for field, value in counts.items():
            setattr(self.survey.counts[key], field, value)
        self.survey.loops[key] = [rounds] if rounds else []
        return self

    def calls(self, caller: str, callee: str, number: int = MESSAGES) -> Shape:
        """An edge."""
        self.survey.edges[f"s.c:{caller}", f"s.c:{callee}"] = Edge(number, number)
        return self

    def chosen(self) -> tuple[str, str | None]:
        """The request function and the loop."""
        best = rank(self.survey)[0].function
        loop = find_loop(self.survey, best.key)
        return best.name, loop.function.name if loop else None


ALL = {"receives": MESSAGES, "sends": MESSAGES}
OWN = {"own_receives": MESSAGES, "own_sends": MESSAGES}


def test_a_handler_behind_an_event_librarys_dispatchers() -> None:
    """As in memcached: the dispatcher has a loop too, but waits for nothing."""
    shape = Shape()
    shape.function("main", 1, 0, rounds=3)
    shape.function("event_loop", 4, 0, rounds=700, waits=3000, **ALL)
    shape.function("wait", 700, 10, own_waits=700, waits=700)
    shape.function("process_active", 700, 900, rounds=7000, waits=2000, **ALL)
    shape.function("event_handler", MESSAGES, 890, waits=2000, **ALL)
    shape.function("drive", MESSAGES, 880, waits=2000, **ALL)
    shape.function("input", MESSAGES, 100, own_receives=MESSAGES, receives=MESSAGES)
    shape.function("parse", MESSAGES, 500)
    shape.function("output", MESSAGES, 100, own_sends=MESSAGES, sends=MESSAGES)
    shape.calls("main", "event_loop", 1).calls("event_loop", "wait", 700)
    shape.calls("event_loop", "process_active", 700).calls("process_active", "event_handler")
    shape.calls("event_handler", "drive").calls("drive", "input").calls("drive", "parse")
    shape.calls("drive", "output")
    assert shape.chosen() == ("drive", "event_loop")


def test_a_handler_whose_answers_are_sent_later() -> None:
    """As in redis: reading, parsing and running in one place, writing before the next wait."""
    shape = Shape()
    shape.function("loop", 1, 0, rounds=900, waits=1900, **ALL)
    shape.function("events", 900, 950, rounds=1000, waits=1900, **ALL)
    shape.function("read_query", MESSAGES, 800, receives=MESSAGES, waits=MESSAGES)
    shape.function("read", MESSAGES, 50, own_receives=MESSAGES, receives=MESSAGES)
    shape.function("run", MESSAGES, 300)
    for number in range(10):
        shape.function(f"part{number}", 700, 20).calls("run", f"part{number}", 700)
    shape.function("before_wait", 900, 100, sends=MESSAGES)
    shape.function("write", MESSAGES, 50, own_sends=MESSAGES, sends=MESSAGES)
    shape.calls("loop", "events", 900).calls("events", "read_query").calls("read_query", "read")
    shape.calls("read_query", "run").calls("events", "before_wait", 900)
    shape.calls("before_wait", "write")
    shape.function("poll", 900, 10, own_waits=900, waits=900).calls("events", "poll", 900)
    # `events` has both below it, but it is the loop's turn: several clients at once,
    shape.survey.counts["s.c:events"].calls = 200
    assert shape.chosen() == ("read_query", "loop")
    # or one, for which it waits each time.
    shape.survey.counts["s.c:events"].calls = 1010
    shape.survey.counts["s.c:poll"].own_waits = 1010
    assert shape.chosen() == ("read_query", "loop")


def test_a_turn_of_the_loop_where_nothing_else_runs_once_a_message() -> None:
    shape = Shape()
    shape.function("main", 1, 0, rounds=MESSAGES, waits=2 * MESSAGES, **ALL)
    shape.function("turn", MESSAGES, 400, waits=2 * MESSAGES, own_waits=MESSAGES, **ALL, **OWN)
    shape.function("compare", 90 * MESSAGES, 300)
    shape.calls("main", "turn").calls("turn", "compare", 90 * MESSAGES)
    assert shape.chosen() == ("turn", "main")


def test_a_worker_that_reads_handles_and_writes() -> None:
    shape = Shape()
    shape.function("worker", 8, 0, rounds=MESSAGES, waits=MESSAGES, **ALL)
    shape.function("read_line", MESSAGES, 100, own_receives=MESSAGES, receives=MESSAGES)
    shape.function("handle", MESSAGES, 150)
    shape.function("reply", MESSAGES, 60, own_sends=MESSAGES, sends=MESSAGES)
    for callee in ("read_line", "handle", "reply"):
        shape.calls("worker", callee)
    assert shape.chosen() == ("handle", "worker")


def test_a_child_for_each_connection_with_one_request() -> None:
    shape = Shape()
    shape.function("main", 1, 0, rounds=MESSAGES, own_accepts=MESSAGES, waits=MESSAGES + 1, **ALL)
    shape.function("serve_client", MESSAGES, 500, waits=1, **ALL, **OWN)
    shape.function("answer", MESSAGES, 300)
    shape.calls("main", "serve_client").calls("serve_client", "answer")
    assert shape.chosen() == ("serve_client", "main")


def test_connections_count_where_clients_say_nothing() -> None:
    """A server of the time of day."""
    shape = Shape()
    shape.function("main", 1, 0, rounds=50, own_accepts=50, waits=50, sends=50)
    shape.function("tell", 50, 100, own_sends=50, sends=50)
    shape.calls("main", "tell", 50)
    assert shape.chosen() == ("tell", "main")


def test_a_helper_that_runs_many_times_a_request_is_not_chosen() -> None:
    shape = Shape()
    shape.function("serve", 1, 0, rounds=MESSAGES, waits=MESSAGES, **ALL, **OWN)
    shape.function("handle", MESSAGES, 500)
    shape.function("compare", 90 * MESSAGES, 490)
    shape.calls("serve", "handle").calls("handle", "compare", 90 * MESSAGES)
    assert shape.chosen() == ("handle", "serve")


def test_a_connection_whose_request_comes_in_pieces() -> None:
    shape = Shape()
    shape.function("main", 1, 0, rounds=500, own_accepts=500, waits=500, receives=1000, sends=500)
    shape.function("serve_client", 500, 500, receives=1000, sends=500, own_sends=500)
    shape.function("read_some", 1000, 50, receives=1000, own_receives=1000)
    shape.calls("main", "serve_client", 500).calls("serve_client", "read_some", 1000)
    assert shape.chosen() == ("serve_client", "main")


def test_who_forks_gives_way_to_what_runs_in_the_child() -> None:
    shape = Shape()
    shape.function("main", 1, 0, rounds=MESSAGES, own_accepts=MESSAGES, waits=MESSAGES, **ALL)
    shape.function("new_client", MESSAGES, 510, own_forks=MESSAGES, **ALL)
    shape.function("serve_client", MESSAGES, 500, **ALL, **OWN)
    shape.calls("main", "new_client").calls("new_client", "serve_client")
    assert shape.chosen() == ("serve_client", "main")


def test_a_loop_that_calls_what_has_no_form_is_told_from_others() -> None:
    shape = Shape()
    shape.function("main", 1, 0, rounds=MESSAGES, waits=MESSAGES, own_waits=MESSAGES, **ALL)
    shape.function("serve_client", MESSAGES, 500, **ALL, **OWN)
    shape.calls("main", "serve_client")
    main = shape.survey.counts["s.c:main"]
    main.called = frozenset({"poll", "accept"})  # the latter not once in ten rounds
    loop = find_loop(shape.survey, "s.c:serve_client")
    assert loop is not None
    assert loop.leaves == ()
    main.called = frozenset({"pselect", "fork"})
    main.own_forks = MESSAGES
    loop = find_loop(shape.survey, "s.c:serve_client")
    assert loop is not None
    assert loop.leaves == ("fork", "pselect")
