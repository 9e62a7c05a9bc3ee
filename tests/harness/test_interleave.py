"""The explorer finds every classic race, runs every schedule of the right versions, and says so."""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import races

from valkey_redis.embedded import EmbeddedServer
from workshop import search
from workshop.interleave import explore, step
from workshop.lab import Lab, open_backend
from workshop.schedule import CannotExploreError, End, RuleBrokenError

WRONG: dict[str, tuple[Any, list[Any], Any, dict[str, Any]]] = {
    "get_set": (
        races.nothing,
        [races.count_by_get_and_set, races.count_by_get_and_set],
        races.both_count,
        {},
    ),
    "incr_expire": (
        races.nothing,
        [races.incr_then_expire, races.incr_then_expire],
        races.counter_expires,
        {"crashes": True},
    ),
    "setnx_expire": (
        races.nothing,
        [races.setnx_then_expire, races.setnx_then_expire],
        races.lock_expires,
        {"crashes": True},
    ),
    "get_del": (
        races.a_holds_the_lock,
        [races.release_by_get_and_del, races.wait_for_the_lock],
        races.b_has_the_lock,
        {},
    ),
    "stale_set": (
        races.old_row,
        [races.read_through, races.update],
        races.cache_agrees,
        {"outside": races.rows},
    ),
}
RIGHT: dict[str, tuple[Any, list[Any], Any, dict[str, Any]]] = {
    "incr": (races.nothing, [races.count_by_incr] * 2, races.both_count, {}),
    "watch": (races.nothing, [races.count_by_watch] * 2, races.both_count, {}),
    "transaction": (
        races.nothing,
        [races.incr_and_expire] * 2,
        races.counter_expires,
        {"crashes": True},
    ),
    "set_nx_ex": (races.nothing, [races.set_nx_ex] * 2, races.lock_expires, {"crashes": True}),
    "script": (
        races.a_holds_the_lock,
        [races.release_by_script, races.wait_for_the_lock],
        races.b_has_the_lock,
        {},
    ),
    "fenced_fill": (
        races.old_row,
        [races.read_through_fenced, races.update_fenced],
        races.cache_agrees,
        {"outside": races.rows},
    ),
}
# The last step that did something in the schedule that is shown, and who did it.
HARM = {
    "get_set": (1, "SET n 1"),
    "incr_expire": (0, "dies here"),
    "setnx_expire": (0, "dies here"),
    "get_del": (0, "DEL lock"),
    "stale_set": (0, "SET user:7 old EX 60"),
}


@pytest.fixture(params=["fakeredis", "valkey"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis and on a real server."""
    with open_backend(request.param, f"{server.url}/3") as make:
        lab = make()
        yield lab
        lab.close()


def incr(times: int) -> Callable[[Any], None]:
    """Return an actor of so many commands on one key, each of which has another reply."""

    def actor(client: Any) -> None:
        for _ in range(times):
            client.incr("n")

    return actor


def never(_end: object) -> None:
    """Accept every end."""


@pytest.mark.parametrize("name", WRONG)
def test_finds_each_classic_race(name: str, lab: Lab) -> None:
    """The violation is found every time, as the same schedule, with the harmful step marked."""
    setup, actors, check, options = WRONG[name]
    found = []
    for _ in range(2):
        with pytest.raises(RuleBrokenError) as caught:
            explore(setup, actors, check, lab=lab, **options)
        found.append(caught.value)
    assert found[0].steps == found[1].steps
    harmful = found[0].steps[found[0].harm]
    assert (harmful.actor, harmful.what) == HARM[name] or name in {"incr_expire", "setnx_expire"}
    assert harmful.what == HARM[name][1]
    assert all(len(line) <= 80 for line in str(found[0]).splitlines())


@pytest.mark.parametrize("name", RIGHT)
def test_accepts_the_right_versions(name: str, lab: Lab) -> None:
    """Every schedule of a correct program is run, and none breaks the rule."""
    setup, actors, check, options = RIGHT[name]
    assert explore(setup, actors, check, lab=lab, **options).schedules >= 2


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (4, 4), (5, 5), (2, 2, 2), (3, 3, 3)])
def test_runs_every_schedule_exactly_once(shape: tuple[int, ...]) -> None:
    """Without pruning, m and n commands have (m+n)! / (m! n!) schedules, and each is another."""
    orders = []

    def note(_end: object) -> None:
        orders.append(tuple(current_order))

    current_order: list[str] = []

    def actor(name: str, times: int) -> Callable[[Any], None]:
        def act(client: Any) -> None:
            for _ in range(times):
                client.incr("n")
                current_order.append(name)

        return act

    actors = [actor(name, times) for name, times in zip("ABC", shape, strict=False)]
    explored = explore(lambda _: current_order.clear(), actors, note, prune=False)
    expected = math.factorial(sum(shape)) // math.prod(map(math.factorial, shape))
    assert explored.schedules == expected == len(set(orders)) == len(orders)
    assert explored.pruned == 0


def test_prunes_what_cannot_differ() -> None:
    """Commands on different keys, and commands that only read, are not tried in every order."""

    def on_own_key(name: str) -> Callable[[Any], None]:
        return lambda client: [client.incr(name) for _ in range(4)] and None

    def reader(client: Any) -> None:
        for _ in range(4):
            client.get("n")

    for actors in ([on_own_key("a"), on_own_key("b")], [reader, reader]):
        full = explore(races.nothing, actors, never, prune=False)
        less = explore(races.nothing, actors, never)
        assert full.schedules == 70
        assert less.schedules == 1
        # One beginning for each way into a state that was seen: 4 x 4 squares of the grid.
        assert less.pruned == 16


def test_pruning_loses_no_violation() -> None:
    """Whatever the pruning leaves out, each end that there is, is seen."""

    def ends(*, prune: bool) -> set[str]:
        seen: set[str] = set()

        def actor(client: Any) -> None:
            for _ in range(2):
                client.set("n", int(client.get("n") or 0) + 1)

        explore(
            races.nothing, [actor, actor], lambda end: seen.add(end.server.get("n")), prune=prune
        )
        return seen

    assert ends(prune=True) == ends(prune=False) == {"2", "3", "4"}


def test_every_prefix_dies() -> None:
    """With crashes, an actor of n commands is also run with a death after each of its first n - 1."""
    ends = []
    explored = explore(
        races.nothing,
        [incr(4)],
        lambda end: ends.append((end.server.get("n"), end.died)),
        crashes=True,
    )
    assert explored.schedules == 4
    assert sorted(ends) == [("1", [True]), ("2", [True]), ("3", [True]), ("4", [False])]


def test_the_dead_send_nothing() -> None:
    """A dead actor's `except` and `finally` do not reach the server."""

    def actor(client: Any) -> None:
        try:
            client.set("first", 1)
            client.set("second", 1)
        except Exception:
            client.set("except", 1)
            raise
        finally:
            client.set("finally", 1)

    ends = []
    explore(
        races.nothing, [actor], lambda end: ends.append(sorted(end.server.keys())), crashes=True
    )
    assert sorted(ends) == [["finally", "first", "second"], ["first"], ["first", "second"]]


def test_takes_coroutines_and_mixes_them(lab: Lab) -> None:
    """Async actors are stopped before each command too, alone, together, and beside sync ones."""

    async def count(client: Any) -> None:
        await client.set("n", int(await client.get("n") or 0) + 1)

    for actors in ([count, count], [count, races.count_by_get_and_set]):
        with pytest.raises(RuleBrokenError) as caught:
            explore(races.nothing, actors, races.both_count, lab=lab)
        assert [s.actor for s in caught.value.steps] == [0, 1, 0, 1]


async def test_runs_inside_a_running_loop() -> None:
    """A notebook's event loop goes on as before."""
    loop = asyncio.get_running_loop()
    explore(races.nothing, [races.count_by_incr] * 2, races.both_count)
    with pytest.raises(RuleBrokenError):
        explore(races.nothing, [races.count_by_get_and_set] * 2, races.both_count)
    assert asyncio.get_running_loop() is loop
    await asyncio.wait_for(asyncio.sleep(0), 1)


def test_sleeping_takes_no_time_and_moves_the_clock(lab: Lab) -> None:
    """A key expires while an actor sleeps, for the clock and for the server, without waiting."""
    before = time.perf_counter()

    def actor(client: Any) -> tuple[float, float, Any]:
        client.set("a", 1, ex=3600)
        wall, steady = time.time(), time.monotonic()
        time.sleep(3599)
        still = client.get("a")
        time.sleep(2)
        return time.time() - wall, time.monotonic() - steady, (still, client.get("a"))

    def check(end: End) -> None:
        assert end.results == [(3601, pytest.approx(3601), ("1", None))]

    explore(races.nothing, [actor], check, lab=lab)
    assert time.perf_counter() - before < 60


def test_time_may_pass_between_any_two_commands(lab: Lab) -> None:
    """An actor that only sleeps is time itself: a key may expire at every point of another actor."""

    def two_looks(client: Any) -> tuple[Any, Any]:
        return client.get("a"), client.get("a")

    seen: set[Any] = set()
    explore(
        lambda server: server.set("a", 1, ex=60),
        [two_looks, lambda _: time.sleep(61)],
        lambda end: seen.add(end.results[0]),
        lab=lab,
    )
    assert seen == {("1", "1"), ("1", None), (None, None)}


def test_random_tokens_are_the_same_in_every_replay() -> None:
    """What an actor draws by `uuid` or `secrets` is drawn alike each time."""
    drawn: set[object] = set()

    def actor(client: Any) -> None:
        drawn.add(str(uuid.uuid4()))
        client.incr("n")

    explore(races.nothing, [actor, incr(2)], never, prune=False)
    assert len(drawn) == 1


@pytest.mark.parametrize("command", [("BLPOP", "a", 0), ("XREAD", "BLOCK", 0, "STREAMS", "s", "$")])
def test_refuses_a_command_that_waits(command: tuple[Any, ...]) -> None:
    """One clear line instead of a test that hangs."""
    with pytest.raises(CannotExploreError, match=f"^{command[0]} waits for another client"):
        explore(races.nothing, [lambda client: client.execute_command(*command)], never)


def test_refuses_a_loop_without_an_end() -> None:
    """One clear line, and not a silent cut."""

    def spin(client: Any) -> None:
        while True:
            client.get("n")

    with pytest.raises(CannotExploreError, match="more than 200 steps in one schedule"):
        explore(races.nothing, [spin], never)


def test_refuses_more_than_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line at the bound, and not a silent cut."""
    monkeypatch.setattr(search, "MOST_SCHEDULES", 50)
    with pytest.raises(CannotExploreError, match="more than 50 schedules"):
        explore(races.nothing, [incr(4), incr(4)], never)


@pytest.mark.parametrize("number", [0, 4])
def test_takes_one_to_three_actors(number: int) -> None:
    """More would take longer than anybody waits."""
    with pytest.raises(CannotExploreError, match=f"{number} actors: takes 1 to 3"):
        explore(races.nothing, [incr(1)] * number, never)


def test_an_actor_s_own_error_comes_out() -> None:
    """A mistake in the code is not taken for a race."""

    def broken(client: Any) -> None:
        client.get("n")
        raise ZeroDivisionError

    with pytest.raises(RuleBrokenError, match=r"^client A raised ZeroDivisionError") as caught:
        explore(races.nothing, [broken], never)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.steps[0].what == "GET n"


def test_others_come_between_the_commands_of_a_pipeline(lab: Lab) -> None:
    """A pipeline without a transaction may be interrupted; a transaction may not."""

    def count(*, transaction: bool) -> Callable[[Any], Any]:
        def actor(client: Any) -> Any:
            return client.pipeline(transaction=transaction).incr("n").incr("n").execute()

        return actor

    whole = {(1, 2), (3, 4)}
    for transaction, ends in ((True, whole), (False, whole | {(1, 3), (2, 4), (1, 4), (2, 3)})):
        seen: set[tuple[int, ...]] = set()
        explore(
            races.nothing,
            [count(transaction=transaction)] * 2,
            lambda end, seen=seen: seen.update(tuple(r) for r in end.results),
            lab=lab,
        )
        assert seen == ends


def test_an_async_pipeline_may_be_interrupted_too(lab: Lab) -> None:
    """The asyncio face stops between a pipeline's commands as well."""

    async def count(client: Any) -> Any:
        return await client.pipeline(transaction=False).incr("n").incr("n").execute()

    seen: set[tuple[int, ...]] = set()
    explore(races.nothing, [count] * 2, lambda e: seen.update(tuple(r) for r in e.results), lab=lab)
    assert (1, 4) in seen


def test_a_script_may_be_loaded_on_the_way(lab: Lab) -> None:
    """Who is the first to load it takes another step than all others: no schedule is left out."""

    def take(client: Any) -> Any:
        client.get("x")
        script = client.register_script("return redis.call('SET', KEYS[1], 'me', 'NX') and 1 or 0")
        return script(keys=["k"])

    def one_has_it(end: End) -> None:
        assert sorted(end.results) == [0, 1]

    explored = explore(races.nothing, [take, take], one_has_it, lab=lab)
    assert explored.schedules == explore(races.nothing, [take, take], one_has_it, lab=lab).schedules


def test_a_script_that_nobody_loads_is_the_actor_s_error() -> None:
    """It comes to an end, and the server's answer is shown."""

    def take(client: Any) -> Any:
        return client.evalsha("0" * 40, 0)

    with pytest.raises(RuleBrokenError, match="No matching script"):
        explore(races.nothing, [take], lambda _: None)


def test_what_is_told_of_the_outside_is_not_pruned_away() -> None:
    """Two writes outside the server, whose replies tell nothing, are run in both orders."""
    written: list[str] = []
    seen: set[tuple[str, ...]] = set()

    def writer(name: str) -> Callable[[Any], None]:
        return lambda _: step(f"write {name}", lambda: written.append(name))

    explore(
        lambda _: written.clear(),
        [writer("a"), writer("b")],
        lambda _: seen.add(tuple(written)),
        outside=lambda: written,
    )
    assert seen == {("a", "b"), ("b", "a")}


def test_a_step_outside_is_just_done_outside() -> None:
    """Code with `step` in it runs as it is without the explorer."""
    assert step("a read", lambda: 42) == 42


def test_leaves_no_greenlet_patch_or_client_behind(lab: Lab) -> None:
    """After an exploration time, sleep and randomness are the real ones."""
    real = (time.sleep, time.monotonic, asyncio.sleep)
    for _ in range(3):
        with pytest.raises(RuleBrokenError):
            explore(races.nothing, [races.count_by_get_and_set] * 2, races.both_count, lab=lab)
    assert (time.sleep, time.monotonic, asyncio.sleep) == real
    assert uuid.uuid4() != uuid.uuid4()
    assert abs(time.time() - 1_700_000_000) > 1_000_000
