"""What exercise 8 asks. Each test's docstring is its claim; each message speaks to the learner.

fakeredis knows none of the commands that tell of a server: `once` is a real server of the tests'
own on either backend, whose settings they change.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import valkey
from tests.support.inspecting import (
    FULL_LOG,
    THRESHOLD,
    Line,
    begin_anew,
    between,
    change_info,
    monitors,
    moved_time,
    own_servers,
    set_back,
    settable_clock,
    writes,
)

from valkey_redis.embedded import free_port
from workshop.exercise import Exercise
from workshop.lab import Lab

BOUNDS = (0.001, 0.01, 0.1, 1.0, math.inf)
SECRET = "s3cret"
PATIENCE = 1.0  # seconds for a command that never comes
MOST_SEEN = 200  # commands that somebody watches whose work has long ended
LOOP = "for _ = 1, {} do end"
EXACTLY = 150  # microseconds that one command took


@pytest.fixture(scope="session")
def own() -> Iterator[Callable[[int], Lab]]:
    """Return labs of real servers, by their number."""
    with own_servers() as lab:
        yield lab


@pytest.fixture
def once(own: Callable[[int], Lab]) -> Lab:
    """Return a real server, empty, unlimited, its counters at 0."""
    lab = own(0)
    set_back(lab.server)
    return begin_anew(lab)


@pytest.fixture(scope="session")
def fakeredis(labs: Callable[[str], Lab]) -> Lab:
    """Return fakeredis, made once."""
    return labs("fakeredis")


@pytest.fixture
def fake(fakeredis: Lab) -> Lab:
    """Return fakeredis, empty, for what is alike on each server."""
    fakeredis.server.flushdb()
    return begin_anew(fakeredis)


def comes_out(error: BaseException, call: Callable[[Callable[[], Any]], Any]) -> bool:
    """Return whether what a `work` raises comes out of the call, also Ctrl-C."""

    def work() -> None:
        raise error

    try:
        call(work)
    except (KeyError, KeyboardInterrupt) as raised:
        return raised is error
    return False


def is_raised(error: type[Exception], call: Callable[[], Any]) -> bool:
    """Return whether the call raises this error."""
    try:
        call()
    except error:
        return True
    return False


# Task 1 ----------------------------------------------------------------------------------


def read(lab: Lab, hits: int, misses: int) -> None:
    """Let somebody else read so many keys that are there, and that are not."""
    pipe = lab.server.pipeline(transaction=False)
    pipe.set("there", 1)
    for _ in range(hits):
        pipe.get("there")
    for _ in range(misses):
        pipe.get("not there")
    pipe.execute()


def require_ratio(
    exercise: Exercise, before: Any, after: Any, want: float | None, what: str
) -> None:
    """Fail unless that is the ratio."""
    try:
        got = exercise.hit_ratio(before, after)
    except ZeroDivisionError:
        got = "ZeroDivisionError"
    said = f"{got:.4g}" if isinstance(got, float) else got
    is_right = got is None if want is None else isinstance(got, float | int)
    if is_right and want is not None:
        is_right = abs(got - want) < 1e-9
    assert is_right, f"{what}: expected {'None' if want is None else f'{want:.4g}'}, got {said}"


def reads(hits: int, misses: int) -> str:
    """Return what was read, in words."""
    return f"{hits} hit{'s' * (hits != 1)} and {misses} miss{'es' * (misses != 1)}"


def test_task1_counts_what_was_between(exercise: Exercise, once: Lab) -> None:
    """The ratio is that of the interval, not of all that was since the start."""
    read(once, 6, 2)
    first = exercise.sample(once.client)
    read(once, 1, 3)
    second = exercise.sample(once.client)
    read(once, 2, 0)
    third = exercise.sample(once.client)
    what = "6 hits and 2 misses, the first sample, then 1 hit and 3 misses, the second"
    require_ratio(exercise, first, second, 0.25, what)
    what = "the second sample, 2 hits and no miss, the third"
    require_ratio(exercise, second, third, 1.0, what)
    what = "the first sample; 1 hit and 3 misses; 2 hits; the third sample"
    require_ratio(exercise, first, third, 0.5, what)
    read(once, 2, 1)
    what = "the third sample, 2 hits and 1 miss, the fourth"
    require_ratio(exercise, third, exercise.sample(once.client), 2 / 3, what)


def test_task1_only_misses(exercise: Exercise, once: Lab) -> None:
    """Where nothing was found, the ratio is 0."""
    before = exercise.sample(once.client)
    read(once, 0, 3)
    after = exercise.sample(once.client)
    require_ratio(exercise, before, after, 0.0, "3 misses between two samples")


def test_task1_without_reads_there_is_none(exercise: Exercise, once: Lab) -> None:
    """Of nothing there is no part."""
    before = exercise.sample(once.client)
    after = exercise.sample(once.client)
    require_ratio(exercise, before, after, None, "a fresh server: nobody has read anything")
    read(once, 1, 1)
    before = exercise.sample(once.client)
    after = exercise.sample(once.client)
    require_ratio(exercise, before, after, None, "nobody reads between two samples")


def test_task1_a_server_that_was_started_again(
    exercise: Exercise, once: Lab, own: Callable[[int], Lab]
) -> None:
    """After a new start the counters have begun at 0."""
    again = own(1)  # to who asks, another run of the same server
    change_info(once.client, "process_id:1", "uptime_in_seconds:60")
    change_info(begin_anew(again).client, "process_id:1", "uptime_in_seconds:600")
    for earlier, hits, misses in (((9, 4), 1, 3), ((1, 1), 2, 6)):
        set_back(once.server)
        set_back(again.server)
        read(once, *earlier)
        before = exercise.sample(once.client)
        read(again, hits, misses)
        what = f"{reads(*earlier)}, a sample, a new start of the server, {reads(hits, misses)}, a sample"
        require_ratio(exercise, before, exercise.sample(again.client), 0.25, what)


def test_task1_counters_that_were_reset(exercise: Exercise, once: Lab) -> None:
    """After CONFIG RESETSTAT both counters have begun at 0, also the one that is not lower."""
    for earlier in ((9, 9), (2, 1), (0, 9)):
        set_back(once.server)
        read(once, *earlier)
        before = exercise.sample(once.client)
        once.server.config_resetstat()
        read(once, 1, 3)
        after = exercise.sample(once.client)
        what = f"{reads(*earlier)}, a sample, CONFIG RESETSTAT, 1 hit and 3 misses, a sample"
        require_ratio(exercise, before, after, 0.25, what)


def test_task1_to_look_changes_nothing(exercise: Exercise, once: Lab) -> None:
    """A sample leaves the counters as they are, others read them, too; and it writes nothing."""
    read(once, 2, 1)
    before = writes(once.server)
    exercise.sample(once.client)
    assert writes(once.server) == before, "to take a sample, something was written to the server"
    stats = once.server.info("stats")
    now = stats["keyspace_hits"], stats["keyspace_misses"]
    assert now == (2, 1), (
        f"the server had counted 2 hits and 1 miss, and after your sample it has {now[0]} and "
        f"{now[1]}: others count by these, too"
    )


# Task 2 ----------------------------------------------------------------------------------

CACHE = "users"


class Calls:
    """A get of the exercise that is measured, in a time that only it takes."""

    def __init__(self, exercise: Exercise, lab: Lab, clock: Any) -> None:
        self.metrics: dict[Any, float] = {}
        self._lab, self._clock, self._seconds = lab, clock, 0.0
        self._text = ""
        self._get = exercise.measured(self._slow, CACHE, self.metrics)

    def of(self, key: str, seconds: float = 0.0, text: str = "") -> Any:
        """Get a key, which takes so long; with a text, it then raises TimeoutError with that."""
        self._seconds, self._text = seconds, text
        return self._get(self._lab.client, key)

    def fail(self, key: str, seconds: float = 0.0, text: str = "slow") -> str:
        """Get a key in vain, and return what was raised."""
        try:
            self.of(key, seconds, text)
        except (valkey.TimeoutError, valkey.ResponseError) as error:
            return type(error).__name__
        return "nothing"

    def count(self, *series: Any) -> float:
        """Return what was counted."""
        return self.metrics.get(series, 0)

    def outcomes(self) -> tuple[float, float, float]:
        """Return the hits, misses and errors."""
        errors = sum(n for series, n in self.metrics.items() if series[0] == "errors")
        return self.count("hits", CACHE), self.count("misses", CACHE), errors

    def _slow(self, client: Any, key: str) -> Any:
        value = client.get(key)
        self._clock.advance(self._seconds)
        if self._text:
            raise valkey.TimeoutError(self._text)
        return value


@pytest.fixture
def calls(exercise: Exercise, fake: Lab) -> Iterator[Calls]:
    """Return a measured get; ada and grace are there, list is no text."""
    fake.server.mset({"ada": "Ada", "grace": "Grace", "nobody": ""})
    fake.server.rpush("list", "x")
    with moved_time() as clock:
        yield Calls(exercise, fake, clock)


def test_task2_does_what_get_does(calls: Calls, fake: Lab) -> None:
    """What is measured returns and raises as before, and sends no more."""
    fake.forget()
    got = calls.of("ada"), calls.of("nobody"), calls.of("none")
    assert got == ("Ada", "", None), f"get gives 'Ada', '' and None; measured it gave {got}"
    raised = calls.fail("list", text="")
    assert raised == "ResponseError", (
        f"get raises ResponseError (WRONGTYPE); measured, {raised} comes out of it"
    )
    assert fake.recorder.trips == 4, (
        f"get was called 4 times: expected 4 round trips, there were {fake.recorder.trips}"
    )


def test_task2_counts_hits_and_misses(calls: Calls) -> None:
    """A value is a hit, also an empty one; None is a miss."""
    for key in ("ada", "ada", "grace", "none", "nobody"):
        calls.of(key)
    got = calls.outcomes()
    assert got == (4, 1, 0), (
        "asked for 'Ada' twice, 'Grace', a key that is not there, and an empty text: expected 4 "
        f"hits, 1 miss, no error; counted were {got[0]:g}, {got[1]:g}, {got[2]:g}"
    )


def test_task2_errors_are_no_misses(calls: Calls) -> None:
    """An error is counted as what it is, by its class."""
    calls.of("none")
    for _ in range(2):
        calls.fail("ada")
    calls.fail("list", text="")
    hits, misses, errors = calls.outcomes()
    assert (hits, misses) == (0, 1), (
        f"1 miss, and 3 calls that raise: they are neither hits nor misses. Counted were {hits:g} "
        f"hits and {misses:g} misses"
    )
    assert errors == 3, f"3 calls raise: counted were {errors:g} errors"
    kinds = [calls.count("errors", CACHE, kind) for kind in ("TimeoutError", "ResponseError")]
    assert kinds == [2, 1], (
        "2 TimeoutErrors and a ResponseError: counted were "
        f"{kinds[0]:g} and {kinds[1]:g}, as ('errors', 'users', kind)"
    )


def test_task2_whatever_is_the_error(exercise: Exercise, fake: Lab) -> None:
    """Not only the driver's errors are errors."""
    metrics: dict[Any, float] = {}
    get = exercise.measured(lambda _client, key: {}[key], CACHE, metrics)
    passes = is_raised(KeyError, lambda: get(fake.client, "ada"))
    assert passes, "get raises KeyError; measured, it does not come out"
    got = metrics.get(("errors", CACHE, "KeyError"), 0)
    assert got == 1, f"get raises KeyError, which the driver does not: counted were {got:g}"


def test_task2_a_histogram(calls: Calls) -> None:
    """Each call is in every bucket whose bound it did not exceed."""
    for seconds in (1.0, 0.0005, 0.0004, 0.005, 0.05, 0.5, 5.0):  # 1.0 first: then it is exact
        calls.of("ada", seconds)
    got = [calls.count("bucket", CACHE, bound) for bound in BOUNDS]
    assert got == [2, 3, 4, 6, 7], (
        "calls of 0.4, 0.5, 5, 50, 500, 1,000 and 5,000 ms: expected 2 up to 1 ms, 3 up to 10 ms, 4 "
        f"up to 100 ms, 6 up to 1 s, 7 in all; the buckets say {', '.join(f'{n:g}' for n in got)}"
    )
    total = calls.count("seconds", CACHE)
    assert abs(total - 6.5559) < 1e-6, f"they took 6.5559 s in all, and counted is {total:.4f}"


def test_task2_a_call_within_a_call(exercise: Exercise, fake: Lab) -> None:
    """Each call is counted for itself, also if another one begins and ends meanwhile."""
    metrics: dict[Any, float] = {}
    with moved_time() as clock:

        def get(_client: Any, key: str) -> None:
            clock.advance(0.5)
            if key == "page":
                measured(fake.client, "part of the page")

        measured = exercise.measured(get, CACHE, metrics)
        measured(fake.client, "page")
    got = [metrics.get(("bucket", CACHE, bound), 0) for bound in BOUNDS]
    total = metrics.get(("seconds", CACHE), 0)
    got.append(metrics.get(("misses", CACHE), 0))
    assert (got, round(total, 6)) == ([0, 0, 0, 2, 2, 2], 1.5), (
        "a call takes 1 s, and in its second half another one is made: expected buckets of 0, 0, 0, "
        f"2, 2, 2 misses, 1.5 s in all; counted is {', '.join(f'{n:g}' for n in got)}, {total:g} s"
    )


def test_task2_what_fails_takes_time_too(calls: Calls) -> None:
    """The time of a call that raises is counted."""
    calls.of("ada", 0.05)
    calls.fail("ada", 5.0)
    got = [calls.count("bucket", CACHE, bound) for bound in BOUNDS]
    assert got == [0, 0, 1, 1, 2], (
        "a call of 50 ms, and one that ran into its timeout after 5 s: expected buckets of 0, 0, "
        f"1, 1, 2; they say {', '.join(f'{n:g}' for n in got)}"
    )
    total = calls.count("seconds", CACHE)
    assert abs(total - 5.05) < 1e-6, f"they took 5.05 s in all, and counted is {total:.2f}"


def test_task2_no_clock_that_may_be_set(exercise: Exercise, fake: Lab) -> None:
    """A clock that is set while a call lasts does not matter."""
    metrics: dict[Any, float] = {}
    with moved_time() as clock, settable_clock() as set_clock:

        def get(_client: Any, _key: str) -> None:
            clock.advance(0.05)
            set_clock()

        exercise.measured(get, CACHE, metrics)(fake.client, "ada")
    got = [metrics.get(("bucket", CACHE, bound), 0) for bound in BOUNDS]
    assert got == [0, 0, 1, 1, 1], (
        "a call of 50 ms, during which the machine's clock is set back by an hour: expected "
        f"buckets of 0, 0, 1, 1, 1; they say {', '.join(f'{n:g}' for n in got)}"
    )


def test_task2_never_more_metrics(calls: Calls) -> None:
    """However many keys there are, the metrics stay as many."""
    for number in range(20):
        calls.of(f"user{number}")
        calls.fail(f"user{number}", text=f"no reply to GET user{number}")
    known = {("misses", CACHE), ("errors", CACHE, "TimeoutError"), ("seconds", CACHE)}
    known |= {("hits", CACHE)} | {("bucket", CACHE, bound) for bound in BOUNDS}
    for_keys = [series for series in calls.metrics if "user1" in map(str, series)]
    assert not for_keys, (
        f"20 keys were asked for, and each has metrics of its own, as {for_keys[0]}: with a million "
        "keys there are a million"
    )
    with_keys = [series for series in calls.metrics if any("user1" in str(x) for x in series[1:])]
    assert not with_keys, (
        f"an error's text is part of a metric, {with_keys[0]}: the text holds the key, so that each "
        "has a metric of its own"
    )
    more = sorted({series[0] for series in calls.metrics if series not in known}, key=str)
    assert not more, f"there are metrics that nobody asked for: {', '.join(map(str, more))}"


def test_task2_each_cache_for_itself(exercise: Exercise, fake: Lab) -> None:
    """Two caches share the metrics, and are told apart; what was counted before stays."""
    metrics: dict[Any, float] = {("hits", "users"): 7, ("hits", "news"): 1}
    for cache in ("users", "news"):
        exercise.measured(lambda _client, _key: "x", cache, metrics)(fake.client, "k")
    got = metrics.get(("hits", "users"), 0), metrics.get(("hits", "news"), 0)
    assert got == (8, 2), (
        f"users had 7 hits and news 1; each has one more: expected 8 and 2, got {got[0]:g} and {got[1]:g}"
    )


# Task 3 ----------------------------------------------------------------------------------


def counted(**calls: Sequence[float]) -> dict[Any, float]:
    """Return the metrics of caches with calls of so many seconds."""
    metrics: dict[Any, float] = {}
    for cache, durations in calls.items():
        metrics[("hits", cache)] = len(durations) - 1
        metrics[("errors", cache, "TimeoutError")] = 1
        metrics[("seconds", cache)] = sum(durations)
        for bound in reversed(BOUNDS):  # no order is promised
            if number := sum(seconds <= bound for seconds in durations):
                metrics[("bucket", cache, bound)] = number
    return metrics


def require_quantile(
    exercise: Exercise, metrics: Any, caches: Sequence[str], part: float, *, want: Any, what: str
) -> None:
    """Fail unless that is the quantile."""
    try:
        got = exercise.quantile(metrics, caches, part)
    except (ZeroDivisionError, LookupError, StopIteration, ValueError) as error:
        got = type(error).__name__
    assert got == want, (
        f"{what}; a part of {part:g}: expected {want}, got {got if isinstance(got, str) else repr(got)}"
    )


def test_task3_the_first_bound_that_is_enough(exercise: Exercise) -> None:
    """The first bucket that holds so many of the calls is the answer."""
    metrics = counted(users=[0.0005] * 5 + [0.05] * 4 + [0.5])
    what = "5 calls of 0.5 ms, 4 of 50 ms and one of 500 ms"
    for part, want in ((1, 1.0), (0.1, 0.001), (0.5, 0.001), (0.51, 0.1), (0.9, 0.1), (0.99, 1.0)):
        require_quantile(exercise, metrics, ["users"], part, want=want, what=what)


def test_task3_beyond_the_last_bound(exercise: Exercise) -> None:
    """Beyond the last bound nothing is known but that."""
    metrics = counted(users=[0.005] * 3 + [30.0])
    what = "3 calls of 5 ms and one of 30 s"
    require_quantile(exercise, metrics, ["users"], 0.75, want=0.01, what=what)
    require_quantile(exercise, metrics, ["users"], 0.8, want=math.inf, what=what)


def test_task3_several_caches(exercise: Exercise) -> None:
    """Of several caches it is what all their calls together have."""
    metrics = counted(users=[0.005] * 97, news=[5.0] * 3, other=[0.05] * 900)
    what = "users: 97 calls of 5 ms; other: 900 of 50 ms; both together"
    require_quantile(exercise, metrics, ["users", "other"], 0.5, want=0.1, what=what)
    require_quantile(exercise, metrics, ["users", "other"], 0.05, want=0.01, what=what)
    require_quantile(exercise, metrics, ["users", "other"], 1, want=0.1, what=what)
    what = "users: 97 calls of 5 ms; news: 3 of 5 s; both together"
    require_quantile(exercise, metrics, ["users", "news"], 0.9, want=0.01, what=what)
    require_quantile(exercise, metrics, ["users", "news"], 0.99, want=math.inf, what=what)


def test_task3_no_calls(exercise: Exercise) -> None:
    """Without calls there is no answer."""
    require_quantile(exercise, {}, ["users"], 0.5, want=None, what="nothing was counted yet")
    metrics = counted(users=[0.005])
    require_quantile(
        exercise, metrics, ["news"], 0.5, want=None, what="news had no call, users had one"
    )
    require_quantile(exercise, metrics, [], 0.5, want=None, what="no cache is asked for")
    what = "users had one call of 5 ms, news none"
    require_quantile(exercise, metrics, ["news", "users"], 0.5, want=0.01, what=what)


def test_task3_refuses_what_is_no_part(exercise: Exercise) -> None:
    """A part is above 0 and up to 1."""
    metrics = counted(users=[0.005])
    for there, about in ((metrics, "one call"), ({}, "no call")):
        for part in (99, 1.01, 0, -0.5, math.nan):
            is_refused = is_raised(
                ValueError, lambda part=part, there=there: exercise.quantile(there, ["users"], part)
            )
            assert is_refused, f"{about}, and a part of {part}: expected ValueError"


# Task 4 ----------------------------------------------------------------------------------


def busy(client: Any) -> None:
    """Send a slow command, and many others; some hold what nobody else may see."""
    client.eval(LOOP.format(200_000), 0)
    for number in range(12):
        client.set(f"user:{number}", SECRET)
        client.execute_command("hset", "users", SECRET, number)


def logged(server: Any, after: int) -> list[tuple[str, int]]:
    """Return what the server has logged after that id, but its settings and the log itself."""
    return [
        (entry["command"].split()[0].decode().upper(), entry["duration"])
        for entry in server.slowlog_get(-1)
        if entry["id"] > after
        and entry["command"].split()[0].upper() not in {b"CONFIG", b"SLOWLOG", b"COMMANDLOG"}
    ]


def set_threshold(server: Any, micros: int) -> None:
    """Set what the server logs."""
    server.config_set("slowlog-log-slower-than", micros)


def threshold(server: Any) -> int:
    """Return what the server logs."""
    return int(server.config_get("slowlog-log-slower-than")["slowlog-log-slower-than"])


def commands(got: Any) -> list[tuple[str, int]]:
    """Return what slowest() gives, as it should be written."""
    for name, _ in got:
        assert isinstance(name, str), f"a command's name is a text (str): got {type(name).__name__}"
    return [(name, micros) for name, micros in got]


def change_log(lab: Lab, change: Callable[[list[Any]], list[Any]]) -> None:
    """Let the client hear of the server's log what `change` makes of it."""

    def answer(entry: Any, read_reply: Callable[[], Any]) -> Any:
        reply = read_reply()
        is_log = entry.words[0].upper() in {"SLOWLOG", "COMMANDLOG"} and isinstance(reply, list)
        return change(reply) if is_log else reply

    between(lab.client, answer)


def test_task4_the_slowest_first(exercise: Exercise, once: Lab) -> None:
    """Of all that ran, the slowest are returned, with how long they took."""

    def work() -> None:
        busy(once.server)
        once.server.config_get("*")  # slower than most

    got = commands(exercise.slowest(once.client, work, at_least=0, most=3))
    want = sorted(logged(once.server, -1), key=lambda item: -item[1])
    seen = [(name.split()[0].upper(), micros) for name, micros in got]
    few = "fewer" if len(seen) < 3 else "more"
    assert len(seen) == 3, (
        "25 commands run beside CONFIG, which is left out, and the 3 slowest are asked for: got "
        f"{few if seen else 'none'}"
    )
    times = {micros for _, micros in want}
    assert {micros for _, micros in seen} <= times, "no command took so many microseconds"
    assert [micros for _, micros in seen] == [micros for _, micros in want[:3]], (
        "one EVAL, which is slow, then 12 SET and 12 hset of another client, and the 3 slowest are "
        "asked for: others took longer than these, or these are in another order"
    )
    assert set(seen) <= set(want), "the microseconds are right, and belong to other commands"


def test_task4_all_that_ran(exercise: Exercise, once: Lab) -> None:
    """With 0 all commands are there, however many the log holds; your own are not."""
    once.server.config_set("slowlog-max-len", 4 * FULL_LOG)
    # Which of them take less than 1 us is chance.
    change_log(once, lambda log: [[one, at, max(1, took), *more] for one, at, took, *more in log])

    def work() -> None:
        busy(once.client)
        pipe = once.server.pipeline(transaction=False)
        for _ in range(FULL_LOG):
            pipe.ping()
        pipe.execute_command("slowlog", "len")
        pipe.execute_command("COMMANDLOG", "LEN", "slow")
        pipe.execute()

    got = commands(exercise.slowest(once.client, work, at_least=0, most=1000))
    names = [name.partition(" ")[0] for name, _ in got]
    for own in ("CONFIG", "SLOWLOG", "COMMANDLOG"):
        assert own not in map(str.upper, names), (
            f"{own} is there: by that one looks on, and it is left out"
        )
    counts = ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))
    assert counts == f"1 EVAL, 12 HSET, {FULL_LOG} PING, 12 SET", (
        f"1 EVAL, 12 hset, 12 SET and {FULL_LOG} PING run, in this order, and the log has room for all: "
        f"got {counts or 'none'}"
    )


def test_task4_no_arguments(exercise: Exercise, once: Lab) -> None:
    """Neither keys nor values are returned."""
    got = commands(exercise.slowest(once.client, lambda: busy(once.server), at_least=0, most=100))
    told = sorted(name for name, _ in got if SECRET in name or "user" in name)
    assert not told, f"what is returned holds a command's arguments, as in {told[0]!r}"


def test_task4_only_what_is_slow(exercise: Exercise, once: Lab) -> None:
    """What took less than asked is left out, also if somebody logged it before."""
    got = exercise.slowest(once.client, lambda: busy(once.server), at_least=10**9, most=5)
    assert got == [], f"nothing took 1,000 s: expected an empty list, got {len(got)} commands"


def slow_eval(
    exercise: Exercise, lab: Lab, change: Callable[[list[Any]], list[Any]]
) -> list[tuple[str, int]]:
    """Return what slowest() says of one EVAL that takes much longer, while the log is changed."""
    change_log(lab, change)
    loop = LOOP.format(200_000)
    got = exercise.slowest(lab.client, lambda: lab.server.eval(loop, 0), at_least=EXACTLY, most=3)
    return commands(got)


def test_task4_exactly_as_long(exercise: Exercise, once: Lab) -> None:
    """What took exactly so long is there."""
    got = slow_eval(
        exercise, once, lambda log: [[one, at, EXACTLY, *more] for one, at, _, *more in log]
    )
    assert got == [("EVAL", EXACTLY)], (
        f"EVAL took {EXACTLY} us, and at_least is {EXACTLY}: expected EVAL, got "
        f"{', '.join(name for name, _ in got) or 'none'}"
    )


def test_task4_the_first_that_was_ever_logged(exercise: Exercise, once: Lab) -> None:
    """The first entry of a new server's log is not left out."""

    def as_of_a_new_server(log: list[Any]) -> list[Any]:
        first = next((one for one, _, _, words, *_ in log if "EVAL" in str(words[0])), math.inf)
        return [[one - first, *more] for one, *more in log if one >= first]

    names = [name for name, _ in slow_eval(exercise, once, as_of_a_new_server)]
    assert names == ["EVAL"], (
        "a new server has never logged anything; EVAL is its first entry, whose id is 0: got "
        f"{', '.join(names) or 'none'}"
    )


def test_task4_only_what_ran_meanwhile(exercise: Exercise, once: Lab) -> None:
    """What the log held before is no part of it, and stays there."""
    set_threshold(once.server, 0)
    pipe = once.server.pipeline(transaction=False)
    for _ in range(FULL_LOG):
        pipe.ping()
    pipe.execute()
    once.server.execute_command("EVAL_RO", LOOP.format(400_000), 0)
    set_threshold(once.server, THRESHOLD)
    got = exercise.slowest(once.client, lambda: busy(once.server), at_least=0, most=3)
    names = [name for name, _ in commands(got)]
    assert not {"EVAL_RO", "PING"} & set(names), (
        "EVAL_RO ran before `work`, and what did is returned: it was in the log"
    )
    assert names, "the log was full when `work` began, and it ran 25 commands; 3 wanted: got none"
    there = [name for name, _ in logged(once.server, -1)]
    assert "EVAL_RO" in there, (
        "the log held an EVAL_RO of before; now it does not. Others need it: each entry has an id"
    )


def test_task4_the_setting_is_put_back(exercise: Exercise, once: Lab) -> None:
    """What the server logs is as it was, whatever it was; and so is the length of its log."""

    def work() -> None:
        once.server.eval(LOOP.format(200_000), 0)

    for before in (THRESHOLD, -1, 0):
        set_threshold(once.server, before)
        got = exercise.slowest(once.client, work, at_least=50, most=3)
        now = threshold(once.server)
        assert now == before, f"slowlog-log-slower-than was {before}; now it is {now}"
        assert got or before >= 0, (
            "slowlog-log-slower-than was -1, by which nothing is logged, and a slow EVAL is not found"
        )
    length = once.server.config_get("slowlog-max-len")["slowlog-max-len"]
    assert length == str(FULL_LOG), (
        f"slowlog-max-len was {FULL_LOG}; now it is {length}: the log is as long as others want it"
    )


def test_task4_also_if_the_work_fails(exercise: Exercise, once: Lab) -> None:
    """An error passes, and leaves the setting as it was."""
    for error in (KeyError("x"), KeyboardInterrupt()):
        kind = type(error).__name__
        passes = comes_out(
            error, lambda work: exercise.slowest(once.client, work, at_least=0, most=3)
        )
        assert passes, f"`work` raises {kind}, and it does not come out"
        now = threshold(once.server)
        assert now == THRESHOLD, (
            f"slowlog-log-slower-than was {THRESHOLD}; `work` raises {kind}, and then it is {now}: "
            "the server goes on to log everything"
        )


# Tasks 5 and 6 ---------------------------------------------------------------------------

MANY = 240
CROWD = [f"small{number}" for number in range(MANY)]
LARGE = 1100  # keys: more than a batch
FURTHER = str(2**60)  # a cursor that no server gives


def fill(server: Any) -> list[str]:
    """Fill the server with keys of all types; return the biggest four, the biggest first."""
    pipe = server.pipeline(transaction=False)
    pipe.mset(dict.fromkeys(CROWD, "x"))
    pipe.hset("profiles", mapping={f"field{number:04}": "x" * 100 for number in range(1000)})
    pipe.rpush("queue", *["y" * 25_000] * 3)
    pipe.xadd("events", {"text": "z" * 62_000})
    pipe.set("page", "z" * 45_000)
    pipe.zadd("board", {f"player{number:03}": number for number in range(300)})
    pipe.set("text", "z" * 5_000)
    pipe.sadd("tags", *range(200))
    pipe.execute()
    return ["profiles", "queue", "events", "page"]


def told(names: Sequence[Any]) -> str:
    """Return the names; which of the crowd are among them is chance."""
    by_chance = set(names) & set(CROWD) or len(names) < 3
    return "others" if by_chance else ", ".join(map(str, names))


def require_light(lab: Lab, keys: int, call: Callable[[], Any]) -> Any:
    """Return what the call gives; fail if it takes the server's time, or fetches what it holds."""
    lab.forget()
    before = writes(lab.server)
    got = call()
    trips = lab.recorder.trips
    over = lab.commands_over_all_keys()
    assert not over, f"{over[0]} looks at every key at once, and nobody else is served meanwhile"
    assert trips <= keys // 3, f"{keys} keys, and more than {keys // 3} round trips: one for each"
    replies = [entry.reply for entry in lab.recorder.sent]
    size = sum(len(str(reply)) for reply in replies if not isinstance(reply, Exception))
    assert size < 25_000, (
        f"{keys} keys, and the server sent more than 25,000 characters: their values"
    )
    assert writes(lab.server) == before, "to look at the keys, something was written"
    return got


def require_no_use(lab: Lab, call: Callable[[], Any]) -> None:
    """Fail if the call counts as a use of the keys."""
    before = [lab.server.object("FREQ", key) for key in ("page", "queue", "small1")]
    call()
    after = [lab.server.object("FREQ", key) for key in ("page", "queue", "small1")]
    assert after == before, (
        "by the server's count three keys had "
        f"{', '.join(map(str, before))} uses; you looked, and they have {', '.join(map(str, after))}: "
        "what nobody uses looks as if it were in use, and stays"
    )


def require_all(lab: Lab, call: Callable[[int], Any]) -> None:
    """Fail unless the call finds all of very many keys, and not in one command."""
    lab.server.eval(f"for n = 1, {LARGE} do redis.call('SET', 'many' .. n, n) end", 0)
    lab.forget()
    lab.server.config_resetstat()
    found = {key for key, _ in call(2 * LARGE)}
    sent = [entry.words[0].upper() for entry in lab.recorder.sent]
    scans = lab.server.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    scripts = sum("EVAL" in word or word == "FCALL" for word in sent)
    assert scans <= sent.count("SCAN") + scripts, (
        "a script looks at every key at once, and nobody else is served meanwhile"
    )
    missing = sum(f"many{number}" not in found for number in range(1, LARGE + 1))
    how = "one SCAN" if scans == 1 else "more than one SCAN" if scans else "no SCAN"
    assert not missing, (
        f"the server has {LARGE:,} keys, and all are asked for: got {'a part' if found else 'none'} "
        f"of them, by {how}"
    )


def require_none_missed(lab: Lab, call: Callable[[], Any], gone: str) -> Any:
    """Return what the call gives while a key goes; SCAN gives others twice, and none at first."""
    held: list[Any] = []

    def answer(entry: Any, read_reply: Callable[[], Any]) -> Any:
        reply = read_reply()
        if entry.words[0].upper() != "SCAN":
            return reply
        lab.server.delete(gone)
        cursor, keys = reply
        if entry.words[1] == "0":
            held.extend(keys)  # they come with the next batch
            return [FURTHER if int(cursor) == 0 else cursor, []]
        if entry.words[1] == FURTHER:
            cursor, keys = "0", []
        keys = [*held, *keys]
        held.clear()
        return [cursor, keys + keys[::-1]]

    between(lab.client, answer)
    try:
        names = [key for key, _ in call()]
    except (TypeError, valkey.ResponseError) as error:
        raise AssertionError(
            f"a key is gone between SCAN and the next command, and it ends with {type(error).__name__}"
        ) from None
    assert names, "the first batch that SCAN gives is empty, as it may be, and no key is returned"
    is_gone = not lab.server.exists(gone)
    assert not (is_gone and gone in names), (
        f"{gone} is gone between SCAN and the next command, and it is returned"
    )
    return names


def test_task5_by_their_bytes(exercise: Exercise, once: Lab) -> None:
    """Keys of all types are compared by the memory they take."""
    biggest = fill(once.server)
    got = require_light(once, MANY, lambda: exercise.big_keys(once.client, 4))
    names = [key for key, _ in got]
    assert names == biggest, (
        "a hash of 1,000 fields of 100 bytes, a list of 3 x 25,000 bytes, a stream with "
        f"one entry of 62,000, texts of 45,000 and 5,000, small sets: expected {', '.join(biggest)}; got "
        f"{told(names)}"
    )
    for key, size in got:
        want = once.server.memory_usage(key, samples=0)
        assert 0.7 * want <= size <= 1.3 * want, f"{key} takes {want:,} bytes, and you say {size:,}"


def test_task5_all_are_looked_at(exercise: Exercise, once: Lab) -> None:
    """No key is left out."""
    require_all(once, lambda most: exercise.big_keys(once.client, most))


def test_task5_as_many_as_asked(exercise: Exercise, once: Lab) -> None:
    """No more than asked, and all if there are fewer."""
    got = exercise.big_keys(once.client, 3)
    assert got == [], f"the server is empty: expected [], got {got!r}"
    once.server.mset({"a": "x" * 1000, "b": "x" * 2000})
    for most, want in ((1, ["b"]), (2, ["b", "a"]), (5, ["b", "a"])):
        names = [key for key, _ in exercise.big_keys(once.client, most)]
        assert names == want, f"two keys, the bigger one b; {most} wanted: got {', '.join(names)}"


def test_task5_to_look_is_no_use(exercise: Exercise, once: Lab) -> None:
    """What is looked at does not count as used."""
    once.server.config_set("maxmemory-policy", "allkeys-lfu")
    fill(once.server)
    require_no_use(once, lambda: exercise.big_keys(once.client, 4))


def test_task5_keys_come_and_go(exercise: Exercise, once: Lab) -> None:
    """A key may be gone when its turn comes, and SCAN may give one twice."""
    biggest = fill(once.server)
    names = require_none_missed(once, lambda: exercise.big_keys(once.client, 2 * MANY), "queue")
    names = names[:3]
    assert names == [key for key in biggest if once.server.exists(key)][:3], (
        "queue is gone meanwhile, and SCAN gives the others twice: expected profiles, events, page; "
        f"got {told(names)}"
    )


def warm(server: Any) -> None:
    """Use some keys, under a policy that counts uses; page most, then queue, text, board."""
    server.config_set("maxmemory-policy", "allkeys-lfu")
    fill(server)
    pipe = server.pipeline(transaction=False)
    for _ in range(60):
        pipe.get("page")
    for _ in range(40):
        pipe.llen("queue")
    for _ in range(20):
        pipe.get("text")
    for _ in range(10):
        pipe.zcard("board")
    pipe.execute()


def test_task6_by_the_servers_count(exercise: Exercise, once: Lab) -> None:
    """The keys that are used most come first, with the server's count."""
    warm(once.server)
    want = [(key, once.server.object("FREQ", key)) for key in ("page", "queue", "text", "board")]
    got = require_light(once, MANY, lambda: exercise.hot_keys(once.client, 4))
    assert got is not None, "under allkeys-lfu the server counts, and you return None"
    names = [key for key, _ in got]
    assert names == [key for key, _ in want], (
        "page was used most, then queue (a list), text, board (a sorted set), and the 4 hottest are "
        f"asked for: got {told(names)}"
    )
    counts = [str(uses) for _, uses in want]
    assert list(map(tuple, got)) == want, (
        f"page, queue, text, board: by the server's count {', '.join(counts)} uses; you say "
        f"{', '.join(str(uses) for _, uses in got)}"
    )


def test_task6_nobody_knows(exercise: Exercise, once: Lab) -> None:
    """Where the server does not count, it says so, and changes nothing."""
    for policy, keys in (
        ("noeviction", "keys"),
        ("allkeys-lru", "keys"),
        ("noeviction", "no keys"),
    ):
        once.server.flushall()
        once.server.config_set("maxmemory-policy", policy)
        if keys == "keys":
            once.server.set("page", 1)
        try:
            got = exercise.hot_keys(once.client, 3)
        except valkey.ResponseError:
            got = "ResponseError"
        now = once.server.config_get("maxmemory-policy")["maxmemory-policy"]
        assert now == policy, (
            f"the policy was {policy}; now it is {now}: what the server evicts is not yours to change"
        )
        said = "a list of keys" if got and got != "ResponseError" else repr(got)
        assert got is None, (
            f"under {policy} nobody counts uses, and there are {keys}: expected None, got {said}"
        )


def test_task6_both_policies(exercise: Exercise, once: Lab) -> None:
    """Under each of the two policies the server counts, also where there is no key."""
    for policy in ("allkeys-lfu", "volatile-lfu"):
        once.server.flushall()
        once.server.config_set("maxmemory-policy", policy)
        got = exercise.hot_keys(once.client, 2)
        assert got == [], (
            f"under {policy} the server counts, and has no key: expected [], got {got!r}"
        )
        once.server.set("used", 1)
        once.server.get("used")
        # It was used last long ago: the server's count of it has faded to 0.
        once.server.restore("cold", 0, once.server.dump("used"), frequency=0)
        names = [key for key, _ in exercise.hot_keys(once.client, 2) or []]
        assert names == ["used", "cold"], (
            f"under {policy}, two keys, of which cold has a count of 0: expected used, cold, got "
            f"{', '.join(names) or 'none'}"
        )


def test_task6_to_look_is_no_use(exercise: Exercise, once: Lab) -> None:
    """What is looked at does not count as used."""
    warm(once.server)
    require_no_use(once, lambda: exercise.hot_keys(once.client, 4))


def test_task6_keys_come_and_go(exercise: Exercise, once: Lab) -> None:
    """A key may be gone when its turn comes, and SCAN may give one twice."""
    warm(once.server)
    names = require_none_missed(once, lambda: exercise.hot_keys(once.client, 2 * MANY), "queue")
    names = names[:3]
    hottest = ["page", "queue", "text", "board"]
    assert names == [key for key in hottest if once.server.exists(key)][:3], (
        "queue is gone meanwhile, and SCAN gives the others twice: expected page, text, board; "
        f"got {told(names)}"
    )


# Task 7 ----------------------------------------------------------------------------------


class StillWatchingError(Exception):
    """Work has long ended, and its commands are still watched."""


def watch(exercise: Exercise, lab: Lab, work: Callable[[], Any], most: int) -> Any:
    """Return what watch_reads says; fail if it waits for a command that never comes."""
    lab.client.connection_pool.connection_kwargs["socket_timeout"] = PATIENCE
    try:
        return list(map(tuple, exercise.watch_reads(lab.client, work, most)))
    except valkey.TimeoutError:
        raise AssertionError(
            "`work` has ended, and it still waits for commands: nobody need send any more"
        ) from None
    except StillWatchingError:
        raise AssertionError(
            "`work` has ended, others go on to send, and it still watches them"
        ) from None


def test_task7_counts_the_reads_of_all(exercise: Exercise, once: Lab) -> None:
    """The reads of every client during `work` are counted, and nothing else."""
    once.server.mset({"early": 1, "ada": 1})
    once.server.hset("bob", "ada", "a friend")
    for _ in range(9):
        once.server.get("early")

    def work() -> None:
        once.server.ping()
        once.server.echo("end")
        for client, key in ((once.server, "ada"), (once.client, "ada"), (once.server, "eve")):
            client.get(key)
        once.server.execute_command("get", "ada")
        once.server.hget("bob", "ada")
        once.server.hgetall("bob")
        for number in range(6):
            once.server.set("cy", f"GET dora {number}")
            once.server.ttl("cy")

    got = watch(exercise, once, work, 2)
    assert got == [("ada", 3), ("bob", 2)], (
        "during `work`, by two clients: PING, ECHO, 3 GETs of ada (one written get), 1 of eve, HGET "
        "bob ada, HGETALL bob; 6 SETs and TTLs of cy; before, 9 GETs of early. The two read most: "
        f"expected ada 3 and bob 2, got {', '.join(f'{key} {n}' for key, n in got) or 'none'}"
    )


def test_task7_nothing_is_read(exercise: Exercise, once: Lab) -> None:
    """Where nothing is sent there is nothing to wait for."""
    before = writes(once.server)
    got = watch(exercise, once, lambda: None, 3)
    assert got == [], f"`work` sends nothing: expected [], got {got!r}"
    assert writes(once.server) == before, "`work` sends nothing, and something was written"


def test_task7_others_go_on(exercise: Exercise, once: Lab) -> None:
    """It comes to an end also on a server that is never quiet."""
    plain = once.client.connection_pool.connection_class
    seen = 0

    def others(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == MOST_SEEN:
            raise StillWatchingError
        once.server.get("noise")
        return plain.read_response(self, *args, **options)

    kind = type("Busy", (plain,), {"read_response": others})
    once.client.connection_pool.connection_class = kind
    got = watch(exercise, once, lambda: once.server.get("ada"), 3)
    assert ("ada", 1) in got, f"`work` sends one GET of ada, others read noise: got {got!r}"


def test_task7_the_monitor_is_off_again(exercise: Exercise, once: Lab) -> None:
    """When it returns, nobody watches any more, also if the work fails."""
    watch(exercise, once, lambda: once.server.get("ada"), 3)
    left = len(monitors(once.server))
    assert left == 0, (
        "it has returned, and CLIENT LIST still shows a client in MONITOR: the server sends it "
        "every command, for as long as your program lives"
    )
    for error in (KeyError("x"), KeyboardInterrupt()):
        kind = type(error).__name__
        passes = comes_out(error, lambda work: watch(exercise, once, work, 3))
        assert passes, f"`work` raises {kind}, and it does not come out"
        left = len(monitors(once.server))
        assert left == 0, f"`work` raises {kind}, and CLIENT LIST still shows a client in MONITOR"


# Task 8 ----------------------------------------------------------------------------------

BOUND = 1.0  # seconds
LIMIT = 100_000_000  # bytes
BUSY = "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."


def health(exercise: Exercise, lab: Lab, *, bound: float = BOUND, **line: Any) -> tuple[str, float]:
    """Return what check_health says over such a line, and how long it took."""
    with moved_time() as clock:
        way = Line(lab, clock)
        vars(way).update(line)
        begun = clock.elapsed
        try:
            said = exercise.check_health(way.connect, bound)
        except (valkey.ValkeyError, ZeroDivisionError) as error:
            said = type(error).__name__
        return said, clock.elapsed - begun


def require_health(exercise: Exercise, lab: Lab, want: str, what: str, **line: Any) -> None:
    """Fail unless that is its health."""
    lab.forget()
    said, _ = health(exercise, lab, **line)
    assert said == want, f"{what}: expected {want!r}, got {said!r}"


def test_task8_ready(exercise: Exercise, once: Lab) -> None:
    """A server that takes writes is ready, with a limit or without one."""
    require_health(exercise, once, "ready", "a server with no limit (maxmemory 0)")
    require_health(exercise, once, "ready", "a server whose replies take 0.3 s", delay=0.3)
    memory = once.server.info("memory")["used_memory"]
    once.server.config_set("maxmemory", 8 * memory)
    require_health(exercise, once, "ready", "a server that uses an eighth of its memory")


def test_task8_down(exercise: Exercise, once: Lab) -> None:
    """A server that refuses connections, or never answers, is down."""

    def connect(seconds: float) -> Any:
        return valkey.Valkey(
            port=free_port(), socket_timeout=seconds, socket_connect_timeout=seconds
        )

    try:
        said = exercise.check_health(connect, BOUND)
    except valkey.ValkeyError as error:
        said = type(error).__name__
    assert said == "down", f"nothing listens on the port: expected 'down', got {said!r}"
    require_health(exercise, once, "down", "the server does not answer", delay=math.inf)


def test_task8_in_time(exercise: Exercise, once: Lab) -> None:
    """However slow the server is, the answer comes within the bound."""
    for delay, bound in ((math.inf, 1), (0.45, 1), (0.7, 1), (math.inf, 0.5)):
        once.forget()
        _, took = health(exercise, once, bound=bound, delay=delay)
        how = "never answers" if delay == math.inf else f"takes {delay:g} s for each reply"
        assert took <= bound + 1e-6, (
            f"the server {how}, and there is {bound:g} s in all: it took {took:.2f} s"
        )


def test_task8_loading_is_no_death(exercise: Exercise, once: Lab) -> None:
    """A server that answers with an error lives."""

    def loading(verb: str, reply: Any) -> Any:
        if verb == "INFO":
            return reply.replace("\r\nloading:0", "\r\nloading:1")
        raise valkey.BusyLoadingError("Valkey is loading the dataset in memory")

    def busy_with_a_script(_verb: str, _reply: Any) -> Any:
        raise valkey.ResponseError(BUSY)

    what = "it loads its data: INFO says so, and to other commands it says LOADING"
    require_health(exercise, once, "live", what, change=loading)
    what = "to each command it says BUSY, as a script runs"
    require_health(exercise, once, "live", what, change=busy_with_a_script)


def test_task8_a_replica_takes_no_writes(exercise: Exercise, once: Lab) -> None:
    """A replica answers, and is not ready for writes."""
    once.server.replicaof("127.0.0.1", "1")
    require_health(exercise, once, "live", "the server is a replica now")


def test_task8_full_or_not(exercise: Exercise, once: Lab) -> None:
    """Who uses all its memory and may evict nothing takes no writes."""
    memory = once.server.info("memory")["used_memory"]
    once.server.config_set("maxmemory", memory // 2)
    what = "it uses more than maxmemory, and its policy is noeviction: it refuses writes"
    require_health(exercise, once, "live", what)
    once.server.config_set("maxmemory", memory + 400_000, "maxmemory-policy", "allkeys-lru")
    pipe = once.server.pipeline(transaction=False)
    for number in range(30):
        pipe.set(f"page{number}", "x" * 20_000)
    pipe.execute()
    what = "its memory is full, as a cache's is, and under allkeys-lru it makes room"
    require_health(exercise, once, "ready", what)


def test_task8_full_to_the_byte(exercise: Exercise, once: Lab) -> None:
    """It is full when used_memory has come to maxmemory, and not earlier."""
    once.server.config_set("maxmemory", LIMIT)
    for used, want in ((LIMIT - 1, "ready"), (LIMIT + 1, "live")):

        def use(verb: str, reply: Any, used: int = used) -> Any:
            if verb != "INFO":
                return reply
            # What the whole process takes is more, as it is on every server.
            reply = re.sub(r"\bused_memory_rss:\d+", f"used_memory_rss:{2 * LIMIT}", reply)
            return re.sub(r"\bused_memory:\d+", f"used_memory:{used}", reply)

        what = f"maxmemory is {LIMIT:,}, used_memory {used:,}, the policy noeviction"
        require_health(exercise, once, want, what, change=use)


def test_task8_writes_nothing(exercise: Exercise, once: Lab) -> None:
    """To find out whether it can be written to, nothing is written."""
    before = writes(once.server)
    health(exercise, once)
    made = writes(once.server) - before
    assert made == 0, (
        f"it made {made} changes on the server: they are copied to all replicas and to disk, and "
        "a server that is full is not told from one that is broken"
    )


# Task 9 ----------------------------------------------------------------------------------


class Spans(list[Any]):
    """What was exported."""

    def named(self, name: str) -> Any:
        """Return the one span of a name."""
        found = [one for one in self if one.name == name]
        assert len(found) == 1, (
            f"expected one span {name!r}; exported were {', '.join(s.name for s in self) or 'none'}"
        )
        return found[0]

    def require_parent(self, name: str, parent: str | None, what: str) -> None:
        """Fail unless the one span is in the other."""
        got = self.named(name).parent
        names = [one.name for one in self if one.id == got]
        said = "none" if got is None else f"{names[0]!r}" if names else "one that was not exported"
        assert got == (self.named(parent).id if parent else None), (
            f"{what}: the parent of {name!r} should be {parent or 'none'}, and is {said}"
        )


def test_task9_a_span_for_a_block(exercise: Exercise) -> None:
    """A span says what lasted how long, when its block has ended."""
    spans = Spans()
    with moved_time() as clock:
        with exercise.span("page", spans.append):
            clock.advance(0.25)
            assert not spans, "the block has not ended, and its span is exported already"
        took = spans.named("page").seconds
    assert abs(took - 0.25) < 1e-6, f"the block lasted 0.25 s, and its span says {took:.3f}"
    got = spans[0].error, spans[0].parent
    assert got == (None, None), f"no error and no parent: expected None twice, got {got}"


def test_task9_begins_with_its_block(exercise: Exercise) -> None:
    """A span begins when its block does, and not when it is made."""
    spans = Spans()
    with moved_time() as clock:
        later = exercise.span("later", spans.append)
        clock.advance(5)
        with exercise.span("page", spans.append), later:
            clock.advance(0.25)
    took = spans.named("later").seconds
    assert abs(took - 0.25) < 1e-6, (
        f"a span is made, and 5 s later its block begins and lasts 0.25 s: its span says {took:.2f}"
    )
    spans.require_parent("later", "page", "made outside, its block begins in page")


def test_task9_no_clock_that_may_be_set(exercise: Exercise) -> None:
    """A clock that is set while a block lasts does not matter."""
    spans = Spans()
    with (
        moved_time() as clock,
        settable_clock() as set_clock,
        exercise.span("page", spans.append),
    ):
        clock.advance(0.25)
        set_clock()
    took = spans.named("page").seconds
    assert abs(took - 0.25) < 1e-6, (
        "the block lasted 0.25 s, in which the machine's clock was set back by an hour, and its "
        f"span says {took:.2f}"
    )


def test_task9_also_of_what_fails(exercise: Exercise) -> None:
    """What fails, or is cancelled, has a span too; its error passes on, and is named."""
    for error in (ValueError(f"no such user: {SECRET}"), asyncio.CancelledError()):
        spans, kind = Spans(), type(error).__name__
        passed = False
        try:
            with exercise.span("page", spans.append):
                raise error  # noqa: TRY301 - what is asked about
        except NotImplementedError:
            raise
        except BaseException as raised:  # noqa: BLE001 - whatever comes is looked at
            passed = raised is error
        assert passed, f"the block raises {kind}, and it does not come out"
        got = spans.named("page").error
        assert SECRET not in str(got), f"the span holds the error's text, {got!r}: it holds a value"
        assert got == kind, f"the block raises {kind}, and its span says {got!r}"


def test_task9_spans_within_spans(exercise: Exercise) -> None:
    """A span's parent is the one in whose block it began; also after one that failed."""
    spans = Spans()
    with exercise.span("page", spans.append):
        with exercise.span("user", spans.append), exercise.span("cache", spans.append):
            pass
        is_raised(ValueError, lambda: fail_in(exercise, spans))
        with exercise.span("after", spans.append):
            pass
    with exercise.span("next", spans.append):
        pass
    for name, parent, what in (
        ("page", None, "page is the outermost"),
        ("user", "page", "user is in page"),
        ("cache", "user", "cache is in user, which is in page"),
        ("bad", "page", "user has ended, and bad begins in page"),
        ("after", "page", "user has ended, bad has failed, and after begins in page"),
        ("next", None, "page has ended"),
    ):
        spans.require_parent(name, parent, what)


def fail_in(exercise: Exercise, spans: Spans) -> None:
    """Fail in a span."""
    with exercise.span("bad", spans.append):
        raise ValueError


def test_task9_no_two_have_one_id(exercise: Exercise) -> None:
    """Spans of one name are told apart."""
    spans = Spans()
    with moved_time():  # it stands still: clocks tick as seldom as they like
        for _ in range(3):
            with exercise.span("page", spans.append), exercise.span("page", spans.append):
                pass
    ids = {one.id for one in spans}
    assert len(ids) == 6, f"6 spans, and {len(ids)} ids: nobody can tell which is whose parent"


def test_task9_tasks_at_once(exercise: Exercise) -> None:
    """Two tasks, each in a span of its own, do not meet."""
    spans = Spans()

    async def request(name: str) -> None:
        with exercise.span(name, spans.append):
            await asyncio.sleep(0)  # the other one's turn
            with exercise.span(f"user of {name}", spans.append):
                await asyncio.sleep(0)

    async def both(*names: str) -> None:
        await asyncio.gather(*map(request, names))

    async def begun_in_a_span() -> None:
        with exercise.span("page", spans.append):
            await both("three", "four")

    asyncio.run(both("one", "two"))
    for name in ("one", "two"):
        what = "two tasks at once, one and two, each with a span for its user in it"
        spans.require_parent(name, None, what)
        spans.require_parent(f"user of {name}", name, what)
    asyncio.run(begun_in_a_span())
    for name in ("three", "four"):
        what = (
            "in a span, page, two tasks begin, three and four, each with a span for its user in it"
        )
        spans.require_parent(name, "page", what)
        spans.require_parent(f"user of {name}", name, what)


def test_task9_who_looks_on_breaks_nothing(exercise: Exercise) -> None:
    """What export raises hurts nobody."""

    class ExportError(Exception):
        pass

    for failure in (OSError, ExportError):
        kind = failure.__name__

        def export(_: Any, failure: type[Exception] = failure) -> None:
            raise failure

        raised = "nothing"
        try:
            with exercise.span("page", export):
                pass
        except failure:
            raised = kind
        assert raised == "nothing", (
            f"`export` raises {kind}, and it comes out of the block: it must not"
        )
        try:
            with exercise.span("page", export):
                raise ValueError  # noqa: TRY301 - as above
        except (ValueError, failure) as error:
            raised = type(error).__name__
        assert raised == "ValueError", (
            f"the block raises ValueError, `export` {kind}: {raised} came out"
        )


# Task 10 ---------------------------------------------------------------------------------


@pytest.fixture
def others_are_left_alone(fake: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the drivers' own methods back: code that changes a class changes it for all tests."""
    for kind in {type(fake.client), valkey.Valkey}:
        for name in ("execute_command", "_execute_command", "parse_response"):
            if hasattr(kind, name):
                monkeypatch.setattr(kind, name, getattr(kind, name))


@pytest.mark.usefixtures("others_are_left_alone")
def test_task10_each_command_is_a_span(exercise: Exercise, fake: Lab) -> None:
    """Commands work as before, and each is a span in the one around it."""
    fake.server.zadd("board", {"ada": 7})
    spans = Spans()
    exercise.trace(fake.client, spans.append)
    fake.client.set("user:7", SECRET.encode(), ex=60)
    with exercise.span("page", spans.append):
        got = fake.client.get("user:7")
    fake.client.execute_command("hset", "h", "f", "v")
    board = fake.client.zrange("board", 0, -1, withscores=True)
    names = [one.name for one in spans]
    assert got == SECRET, f"traced, get gave {got!r} instead of what is stored"
    assert board == [("ada", 7.0)], (
        f"traced, zrange(..., withscores=True) gave {board!r} instead of [('ada', 7.0)]"
    )
    assert sorted(names) == ["GET", "HSET", "SET", "ZRANGE", "page"], (
        "SET; in a span `page` GET; then hset, ZRANGE: expected spans of these names; exported were "
        f"{', '.join(map(str, names)) or 'none'}"
    )
    spans.require_parent("GET", "page", "GET is sent in page")


@pytest.mark.usefixtures("others_are_left_alone")
def test_task10_commands_that_fail(exercise: Exercise, fake: Lab) -> None:
    """A command that fails is a span, and its error passes on."""
    fake.server.rpush("list", "x")
    spans = Spans()
    exercise.trace(fake.client, spans.append)
    passes = is_raised(valkey.ResponseError, lambda: fake.client.get("list"))
    assert passes, "GET of a list raises ResponseError; traced, it does not"
    got = spans.named("GET").error
    assert got == "ResponseError", f"GET raises ResponseError, and its span says {got!r}"
    nobody = valkey.Valkey(port=free_port())
    exercise.trace(nobody, spans.append)
    passes = is_raised(valkey.ConnectionError, nobody.ping)
    assert passes, "PING of a server that is not there raises ConnectionError; traced, it does not"
    errors = [one.error for one in spans if one.name == "PING"]
    assert errors == ["ConnectionError"], (
        "PING of a server that is not there raises ConnectionError: expected a span that says so, "
        f"got {', '.join(map(str, errors)) or 'no span'}"
    )


@pytest.mark.usefixtures("others_are_left_alone")
def test_task10_how_long_it_took(exercise: Exercise, fake: Lab) -> None:
    """A command's span lasts until its reply is there."""
    with moved_time() as clock:

        def answer(_entry: Any, read_reply: Callable[[], Any]) -> Any:
            clock.advance(0.25)
            return read_reply()

        between(fake.client, answer)
        spans = Spans()
        exercise.trace(fake.client, spans.append)
        fake.client.get("user:7")
    took = spans.named("GET").seconds
    assert abs(took - 0.25) < 1e-6, f"the reply came after 0.25 s, and the span says {took:.3f}"


@pytest.mark.usefixtures("others_are_left_alone")
def test_task10_no_key_and_no_value(exercise: Exercise, fake: Lab) -> None:
    """Of a command only its first word is exported."""
    spans = Spans()
    exercise.trace(fake.client, spans.append)
    fake.client.set(f"user:{SECRET}", SECRET)
    fake.client.eval(f"return '{SECRET}'", 0)
    is_raised(valkey.ResponseError, lambda: fake.client.lpush(f"user:{SECRET}", SECRET))
    told = [one for one in spans if SECRET in str(tuple(one))]
    assert not told, f"a span holds a command's other words: {told[0].name!r}, {told[0].error!r}"
    fake.client.script_exists(SECRET)
    names = [one.name for one in spans]
    assert names == ["SET", "EVAL", "LPUSH", "SCRIPT"], (
        f"SET, EVAL, LPUSH, SCRIPT EXISTS: expected their first words, exported were {', '.join(names)}"
    )


@pytest.mark.usefixtures("others_are_left_alone")
def test_task10_other_clients_are_left_alone(exercise: Exercise, fake: Lab) -> None:
    """Only this client's commands are spans."""
    spans = Spans()
    other = fake.connect("another client", fake.recorder)
    exercise.trace(fake.client, spans.append)
    other.ping()
    fake.client.ping()
    other.close()
    assert len(spans) == 1, (
        f"another client sends PING, then the traced one does: expected 1 span, got {len(spans)}"
    )
    third, its_own = fake.connect("a third client", fake.recorder), Spans()
    exercise.trace(third, its_own.append)
    third.ping()
    fake.client.ping()
    third.close()
    assert (len(spans), len(its_own)) == (2, 1), (
        "another client is traced, too, with an `export` of its own, and each sends PING: expected 1 "
        f"span more for the first and 1 for the other, got {len(spans) - 1} and {len(its_own)}"
    )
