"""What exercise 6 asks. Each test's docstring is its claim; each message speaks to the learner.

fakeredis evicts nothing: `evicting` is a real server of the tests' own on either backend. Nothing
can move a live server's clock: `timed` is fakeredis on either backend. What is alike on both, such
as the commands that are sent and who comes between them, is tried `once`, on fakeredis too.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import valkey
from tests.support.eviction_tasks import (
    NOISE,
    STEP,
    Evicting,
    Model,
    Step,
    lfu,
    lru,
    mru,
    random_steps,
    steps,
)
from tests.support.limiting import apart, clock_ahead, keys_of, undeclared
from tests.support.scenes import scene

from valkey_redis import EmbeddedServerError
from workshop.exercise import Exercise, load
from workshop.interleave import explore
from workshop.lab import Lab, open_backend
from workshop.plugin import Target
from workshop.schedule import End

Rank = Callable[[int, int, int], Any]
HOUR = 3600  # seconds
YEAR = 365 * 24 * HOUR


class Calls(NamedTuple):
    """One cache of the exercise, of so much room."""

    get: Callable[[Any, str], Any]
    set: Callable[[Any, str, str], Any]
    room: int


@pytest.fixture
def timed(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock stands still until a test moves it."""
    lab = labs("fakeredis")
    yield lab
    lab.close()


@pytest.fixture
def once(timed: Lab) -> Lab:
    """Return the same lab; what the server saw is shown, as it is of `lab`."""
    return timed


@pytest.fixture
def elsewhere(target: Target) -> Exercise:
    """Return the functions as another process has them: what a process counts begins anew."""
    return load(target.file, target.mistake)


@pytest.fixture(scope="session")
def evicting_labs() -> Iterator[Callable[[], Lab]]:
    """Make labs of a server that evicts, never the learner's own."""
    try:
        with open_backend("valkey") as make:
            yield make
    except EmbeddedServerError:
        raise AssertionError(
            "this task takes a real server that may evict everything, and there is none on this "
            "machine: `make doctor` says why"
        ) from None


@pytest.fixture
def evicting(evicting_labs: Callable[[], Lab]) -> Iterator[Evicting]:
    """Return an empty server that can be made to evict."""
    lab = evicting_labs()
    server = Evicting(lab)
    yield server
    server.close()
    lab.close()


# What several tasks have in common -------------------------------------------------------


def require_steps(lab: Lab, calls: Calls, rank: Rank, plan: Sequence[Step], why: str = "") -> None:
    """Fail at the first get that gives something else than the policy in plain Python does."""
    lab.server.flushdb()
    require_more_steps(lab, calls, Model(rank, calls.room), plan, why)


def require_more_steps(
    lab: Lab, calls: Calls, model: Model, plan: Sequence[Step], why: str
) -> None:
    """Go on where the model is."""
    lab.forget()
    for number, step in enumerate(plan):
        want = model.do(step)
        if step.value is not None:
            calls.set(lab.client, step.key, step.value)
            continue
        got = calls.get(lab.client, step.key)
        before = ", ".join(map(str, plan[:number]))
        assert got == want, (
            f"Room for {calls.room}: {before}{before and '. Then '}get {step.key} should give {want!r} and gave "
            f"{got!r}{why and ': '}{why}"
        )


def require_no_clock(lab: Lab, both: Sequence[Calls], rank: Rank, *plans: str) -> None:
    """Fail if the order is not that of the calls: at one moment, a year later, and elsewhere."""
    at_once, later, elsewhere = map(steps, plans)
    model = Model(rank, both[0].room)
    with scene(lab) as at:
        why = "all came at the same moment, and yet one after the other: count them"
        require_more_steps(lab, both[0], model, at_once, why)
        at.wait(YEAR)
        why = f"a year ago {model} were used, in this order, and nothing ends by itself"
        require_more_steps(lab, both[0], model, later, why)
        why = f"this is another process; before, {model} were used, in this order. Let the server count"
        require_more_steps(lab, both[1], model, elsewhere, why)


def require_random_steps(lab: Lab, calls: Calls, rank: Rank) -> None:
    """Fail if calls drawn by chance give something else than the policy in plain Python does."""
    for seed in range(2):
        require_steps(lab, calls, rank, random_steps(seed, 12, "abcde"))


def require_values(lab: Lab, one: Calls, other: Calls) -> None:
    """Fail unless values come back as they were stored, each cache its own."""
    got = one.get(lab.client, "a")
    assert got is None, f"nothing is stored: expected None, got {got!r}"
    for key, value in (("a", "1"), ("b:c", ""), ("a", "2")):
        one.set(lab.client, key, value)
        got = one.get(lab.client, key)
        assert got == value, f"stored {value!r} under {key!r}: got {got!r}"
    got = other.get(lab.client, "a")
    assert got is None, f"another cache, in which nothing is stored, gave {got!r}"
    other.set(lab.client, "a", "3")
    got = one.get(lab.client, "a")
    assert got == "2", f"'2' was stored; another cache stored '3' under the same key: got {got!r}"
    assert lab.server.dbsize() > 0, "the server holds nothing: each process remembers for itself"


def require_full_use(lab: Lab, make: Callable[[int], Calls]) -> None:
    """Fail unless exactly as many are kept as there is room for."""
    for room in (1, 3):
        calls = make(room)
        lab.server.flushdb()
        lab.forget()
        keys = [f"k{number}" for number in range(room + 1)]
        for number, key in enumerate(keys):
            calls.set(lab.client, key, key)
            got = calls.get(lab.client, key)
            assert got == key, f"Room for {room}: {key} is stored, number {number + 1}, and gone"
        kept = [key for key in keys if calls.get(lab.client, key) is not None]
        assert len(kept) == room, (
            f"Room for {room}: {room + 1} were stored, and {len(kept)} are kept"
        )


def require_no_trace_of_a_miss(lab: Lab, calls: Calls) -> None:
    """Fail if asking for what is not there takes anybody's place, or anything at all."""
    for key in ("x", "y", "z"):
        calls.get(lab.client, key)
    size = lab.size_of_all_keys()
    assert size <= 1, (
        f"Nothing was stored, and three keys were asked for: the server holds {size} entries of "
        "them. A use of what is not there leaves a ghost"
    )
    keys = [f"k{number}" for number in range(calls.room)]
    for key in keys:
        calls.set(lab.client, key, key)
        calls.get(lab.client, "x")
    gone = [key for key in keys if calls.get(lab.client, key) is None]
    assert gone == [], (
        f"Room for {calls.room}, and as many are stored; x, which is not there, is asked for "
        f"between. Gone: {', '.join(gone)}. A ghost took its place"
    )


def require_nothing_left_behind(lab: Lab, calls: Calls) -> None:
    """Fail if what was evicted still takes memory."""
    for number in range(16):
        calls.set(lab.client, f"k{number}", "x")
    size = lab.size_of_all_keys()
    assert size <= 4 * calls.room + 4, (
        f"Room for {calls.room}. 16 were stored one after the other, and the server holds {size} "
        "entries: what is evicted leaves something behind"
    )


def require_little_sent(lab: Lab, calls: Calls) -> None:
    """Fail if a call fetches the whole cache, or asks for each entry."""
    for number in range(calls.room):
        calls.set(lab.client, f"k{number}", "x")
    for what, call in (
        ("get", lambda: calls.get(lab.client, "k7")),
        ("set", lambda: calls.set(lab.client, "new", "x")),
    ):
        lab.forget()
        trips = lab.round_trips(call)
        sent = lab.reply_items()
        assert sent <= 22, (
            f"The cache holds {calls.room} entries. For one {what} the server sent {sent} values: "
            "it can choose who goes itself"
        )
        assert trips <= 10, f"one {what} took {trips} round trips"


def require_one_slot(lab: Lab, calls: Calls) -> None:
    """Fail if what is used together is not in one slot, or a script makes up a key."""
    lab.forget()
    for number in range(calls.room + 1):
        calls.set(lab.client, f"k{number}", "x")
        calls.get(lab.client, f"k{number}")
    before, sent = set(lab.server.scan_iter()), len(lab.recorder.sent)
    calls.set(lab.client, "one more", "x")
    touched = before - set(lab.server.scan_iter())
    touched -= {key for entry in lab.recorder.sent[sent:] for key in keys_of(entry.words)}
    keys = apart(lab)
    assert keys == "", (
        f"{keys} are used together, and are in two slots: a cluster refuses that. Of a key with "
        "braces only what is in them decides, as in {news}:values"
    )
    keys = undeclared(lab) or ", ".join(sorted(touched))
    assert keys == "", (
        f"{keys} is not among the KEYS of your script: a cluster sends a script where its KEYS are"
    )


def require_sound(
    client: Any,
    calls: Calls,
    old: Sequence[str],
    lead: str,
    *,
    died: bool,
    uses: int,
    stored: Sequence[str] = (),
) -> None:
    """Fail if more or fewer are served than there is room for, now or after many more came.

    Newcomers that are used so often, with storing, drive all others out; 0 if they never do.
    What was stored last of all is there.
    """
    room = calls.room
    there = [key for key in old if calls.get(client, key) is not None]
    assert len(there) <= room, f"{lead}: there is room for {room}, and {len(there)} are served"
    assert died or len(there) == room, (
        f"{lead}: there is room for {room}, and {len(there)} are left: more went than had to"
    )
    lost = [key for key in stored if key not in there]
    assert lost == [], f"{lead}: {lost[0]} was stored, and nobody told of an error; it is not there"
    new = [f"new{number}" for number in range(room + 1)]
    for key in new:
        calls.set(client, key, key)
        for _ in range(uses - 1):
            calls.get(client, key)
    there = [key for key in [*old, *new] if calls.get(client, key) is not None]
    stay = [key for key in there if key in old] if uses else []
    assert stay == [], (
        f"{lead}: many more come afterwards, and {stay[0]} never goes. Its value is stored, and "
        "the order does not know of it"
    )
    assert len(there) <= room, (
        f"{lead}: many more come afterwards. There is room for {room}, and {len(there)} are served"
    )
    assert len(there) == room, (
        f"{lead}: many more come afterwards. There is room for {room}, and {len(there)} are "
        "served: the order knows of one that has no value, and that takes a place"
    )


def require_sound_with_two(lab: Lab, calls: Calls, *, uses: int, pairs: str = "cd") -> None:
    """Fail if two clients at once leave a cache that is not sound; it has room for two.

    Each pair is what one and the other do: ask for a, which is there, or store c or d.
    """

    def act(key: str) -> Callable[[Any], Any]:
        if key == "a":
            return lambda client: calls.get(client, key)
        return lambda client: calls.set(client, key, key)

    for first, second in pairs.split():
        stores = first.replace("a", "") + second
        what = f"one {'asks for a' if first == 'a' else 'stores c'}, another stores {second}"

        def check(
            end: End, lead: str = f"a and b are there. At once {what}", stores: str = stores
        ) -> None:
            stored = stores if uses else ""  # with MRU the other one goes
            require_sound(end.server, calls, "abcd", lead, died=False, uses=uses, stored=stored)

        actors = [act(first), act(second)]
        explore(lambda server: store(server, calls, "ab"), actors, check, lab=lab)


def require_sound_after_a_death(lab: Lab, calls: Calls, *, uses: int) -> None:
    """Fail if a client that dies half-way leaves a cache that is not sound."""

    def check(end: End) -> None:
        lead = "a and b are there, and your client dies while it stores c"
        require_sound(end.server, calls, "abc", lead, died=True, uses=uses)

    explore(
        lambda server: store(server, calls, "ab"),
        [lambda client: calls.set(client, "c", "c")],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


def store(client: Any, calls: Calls, keys: Sequence[str]) -> None:
    """Store something under each of the keys."""
    for key in keys:
        calls.set(client, key, key)


# Task 1 ----------------------------------------------------------------------------------


def lru_calls(exercise: Exercise, room: int = 3, name: str = "news") -> Calls:
    """Return the calls of an LRU cache."""
    return Calls(
        lambda client, key: exercise.lru_get(client, name, key),
        lambda client, key, value: exercise.lru_set(client, name, key, value, room),
        room,
    )


def test_task1_gives_back_what_was_stored(exercise: Exercise, lab: Lab) -> None:
    """A value comes back as it was stored, from its own cache."""
    require_values(lab, lru_calls(exercise), lru_calls(exercise, name="mail"))


def test_task1_keeps_as_many_as_there_is_room_for(exercise: Exercise, lab: Lab) -> None:
    """Neither more nor fewer than `capacity` entries are kept."""
    require_full_use(lab, lambda room: lru_calls(exercise, room))


def test_task1_the_least_recently_used_goes(exercise: Exercise, lab: Lab) -> None:
    """To get an entry is a use of it."""
    calls = lru_calls(exercise)
    require_steps(lab, calls, lru, steps("+a +b +c +d d c b a"), "the oldest goes")
    why = "a was read, so that b is the one whose last use is longest ago"
    require_steps(lab, calls, lru, steps("+a +b +c a +d d c a b"), why)
    why = "b and a were read after c was stored, so that c's last use is longest ago"
    require_steps(lab, calls, lru, steps("+a +b +c b a +d d a b c"), why)


def test_task1_to_store_again_is_a_use(exercise: Exercise, lab: Lab) -> None:
    """An entry that is stored again is still one, and was used last."""
    why = "all three were there already, so that nobody has to go"
    require_steps(lab, lru_calls(exercise), lru, steps("+a +b +c +b +c +c a b c"), why)
    why = "a was stored again, so that b is the one whose last use is longest ago"
    require_steps(lab, lru_calls(exercise), lru, steps("+a +b +c +a +d d c a b"), why)


def test_task1_a_miss_leaves_nothing(exercise: Exercise, once: Lab) -> None:
    """Who asks for what is not there changes nothing."""
    require_no_trace_of_a_miss(once, lru_calls(exercise))


def test_task1_is_exact(exercise: Exercise, once: Lab) -> None:
    """Hit for hit it is what LRU is."""
    require_random_steps(once, lru_calls(exercise), lru)


def test_task1_needs_no_clock(exercise: Exercise, elsewhere: Exercise, once: Lab) -> None:
    """The order is that of the calls, whoever makes them, also at one moment and after a year."""
    both = lru_calls(exercise), lru_calls(elsewhere)
    require_no_clock(once, both, lru, "+c +b +a c +d d c a b", "d +e d", "a +f a")


def test_task1_leaves_nothing_behind(exercise: Exercise, once: Lab) -> None:
    """What is evicted is gone."""
    require_nothing_left_behind(once, lru_calls(exercise))


def test_task1_sends_little(exercise: Exercise, once: Lab) -> None:
    """A call costs the same however large the cache is."""
    require_little_sent(once, lru_calls(exercise, 24))


def test_task1_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Two clients at once leave neither more nor fewer than there is room for."""
    require_sound_with_two(once, lru_calls(exercise, 2), uses=1, pairs="cd ac")


def test_task1_survives_a_death(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way leaves nothing that never goes."""
    require_sound_after_a_death(once, lru_calls(exercise, 2), uses=1)


def test_task1_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(once, lru_calls(exercise, 2))


# Task 2 ----------------------------------------------------------------------------------


def lfu_calls(exercise: Exercise, room: int = 3, name: str = "news") -> Calls:
    """Return the calls of an LFU cache."""
    return Calls(
        lambda client, key: exercise.lfu_get(client, name, key),
        lambda client, key, value: exercise.lfu_set(client, name, key, value, room),
        room,
    )


def test_task2_gives_back_what_was_stored(exercise: Exercise, lab: Lab) -> None:
    """A value comes back as it was stored, from its own cache."""
    require_values(lab, lfu_calls(exercise), lfu_calls(exercise, name="mail"))


def test_task2_keeps_as_many_as_there_is_room_for(exercise: Exercise, lab: Lab) -> None:
    """Neither more nor fewer than `capacity` entries are kept."""
    require_full_use(lab, lambda room: lfu_calls(exercise, room))


def test_task2_the_least_frequently_used_goes(exercise: Exercise, lab: Lab) -> None:
    """To get an entry, or to store it again, is one more use of it."""
    calls = lfu_calls(exercise)
    why = "uses: a 3, b 1, c 2"
    require_steps(lab, calls, lfu, steps("+a +b +c a a c +d d c a b"), why)
    why = "uses: a 2, b 2, c 1; to store again is one"
    require_steps(lab, calls, lfu, steps("+a +b +c +b +a +d d b a c"), why)
    why = "uses: a 4, b 2, c 2; to store again is one more"
    require_steps(lab, calls, lfu, steps("+a a a +b b +c c +a +d d c a b"), why)


def test_task2_the_new_one_stays(exercise: Exercise, lab: Lab) -> None:
    """A new entry, which has one use only, is not the one to go."""
    why = "c has the fewest uses, but it is the new one, for which somebody else goes"
    require_steps(lab, lfu_calls(exercise, 2), lfu, steps("+a +b a b a b +c c b a"), why)


def test_task2_ties_are_fair(exercise: Exercise, lab: Lab) -> None:
    """Of several with the fewest uses the one that came in first goes."""
    calls = lfu_calls(exercise)
    why = "all have one use; c came in first, whatever its name"
    require_steps(lab, calls, lfu, steps("+c +a +b +d d b a c"), why)
    why = "all have two uses; a came in first, though it was used last"
    require_steps(lab, calls, lfu, steps("+a +b +c c b a +d d c b a"), why)
    why = "z has two uses, the others one: of those the one that came first goes, however many came"
    require_steps(
        lab, calls, lfu, steps("+z z +n +m +l +k +j +i +h +g +f +e +d +c +b +a z b a"), why
    )


def test_task2_what_went_is_forgotten(exercise: Exercise, lab: Lab) -> None:
    """What went and comes again has one use."""
    plan = steps("+a a a +b b b b +c c c +a a +d d b a")
    why = "a went for c, and came again: it has two uses now, b has four"
    require_steps(lab, lfu_calls(exercise, 2), lfu, plan, why)


def test_task2_a_miss_leaves_nothing(exercise: Exercise, once: Lab) -> None:
    """Who asks for what is not there changes nothing."""
    require_no_trace_of_a_miss(once, lfu_calls(exercise))


def test_task2_is_exact(exercise: Exercise, once: Lab) -> None:
    """Hit for hit it is what LFU is."""
    require_random_steps(once, lfu_calls(exercise), lfu)


def test_task2_needs_no_clock(exercise: Exercise, elsewhere: Exercise, once: Lab) -> None:
    """The order is that of the calls, whoever makes them, also at one moment and after a year."""
    both = lfu_calls(exercise), lfu_calls(elsewhere)
    require_no_clock(once, both, lfu, "+c +a +b +d d b a c", "+e e +f e", "f f +g g g +h g")


def test_task2_leaves_nothing_behind(exercise: Exercise, once: Lab) -> None:
    """What is evicted is gone."""
    require_nothing_left_behind(once, lfu_calls(exercise))


def test_task2_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Two clients at once leave neither more nor fewer than there is room for."""
    require_sound_with_two(once, lfu_calls(exercise, 2), uses=3)


def test_task2_survives_a_death(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way leaves nothing that never goes."""
    require_sound_after_a_death(once, lfu_calls(exercise, 2), uses=3)


def test_task2_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(once, lfu_calls(exercise, 2))


# Task 3 ----------------------------------------------------------------------------------


def mru_calls(exercise: Exercise, room: int = 3, name: str = "news") -> Calls:
    """Return the calls of an MRU cache."""
    return Calls(
        lambda client, key: exercise.mru_get(client, name, key),
        lambda client, key, value: exercise.mru_set(client, name, key, value, room),
        room,
    )


def test_task3_gives_back_what_was_stored(exercise: Exercise, lab: Lab) -> None:
    """A value comes back as it was stored, from its own cache."""
    require_values(lab, mru_calls(exercise), mru_calls(exercise, name="mail"))


def test_task3_keeps_as_many_as_there_is_room_for(exercise: Exercise, lab: Lab) -> None:
    """Neither more nor fewer than `capacity` entries are kept."""
    require_full_use(lab, lambda room: mru_calls(exercise, room))


def test_task3_the_most_recently_used_goes(exercise: Exercise, lab: Lab) -> None:
    """The one that was used last before the new one goes; the new one stays."""
    calls = mru_calls(exercise)
    why = "all three were there already, so that nobody has to go"
    require_steps(lab, calls, mru, steps("+a +b +c +b +c +b a b c"), why)
    require_steps(lab, calls, mru, steps("+a +b +c +d d b a c"), "c was used last before d")
    require_steps(lab, calls, mru, steps("+a +b +c a +d d c b a"), "a was used last before d")
    require_steps(lab, calls, mru, steps("+a +b +c +a +d d c b a"), "a was used last before d")


def test_task3_a_miss_leaves_nothing(exercise: Exercise, once: Lab) -> None:
    """Who asks for what is not there changes nothing."""
    require_no_trace_of_a_miss(once, mru_calls(exercise))


def test_task3_is_exact(exercise: Exercise, once: Lab) -> None:
    """Hit for hit it is what MRU is."""
    require_random_steps(once, mru_calls(exercise), mru)


def test_task3_needs_no_clock(exercise: Exercise, elsewhere: Exercise, once: Lab) -> None:
    """The order is that of the calls, whoever makes them, also at one moment and after a year."""
    both = mru_calls(exercise), mru_calls(elsewhere)
    require_no_clock(once, both, mru, "+c +b +a +d d c b a", "d +e d b", "c +f c e")


def test_task3_leaves_nothing_behind(exercise: Exercise, once: Lab) -> None:
    """What is evicted is gone."""
    require_nothing_left_behind(once, mru_calls(exercise))


def test_task3_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Two clients at once leave neither more nor fewer than there is room for."""
    require_sound_with_two(once, mru_calls(exercise, 2), uses=0)


def test_task3_survives_a_death(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way leaves no more than there is room for."""
    require_sound_after_a_death(once, mru_calls(exercise, 2), uses=0)


def test_task3_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(once, mru_calls(exercise, 2))


# Task 4 ----------------------------------------------------------------------------------


def ttl_calls(
    exercise: Exercise, room: int = 3, name: str = "news", seconds: float = HOUR
) -> Calls:
    """Return the calls of a cache whose entries live for so long."""
    return Calls(
        lambda client, key: exercise.ttl_get(client, name, key),
        lambda client, key, value: exercise.ttl_set(
            client, name, key, value, seconds=seconds, capacity=room
        ),
        room,
    )


def keep(exercise: Exercise, client: Any, key: str, seconds: float, room: int = 3) -> None:
    """Store something under a key for so many seconds."""
    exercise.ttl_set(client, "news", key, key, seconds=seconds, capacity=room)


def alive(exercise: Exercise, client: Any, keys: str) -> str:
    """Return those of the keys that are served."""
    return "".join(key for key in keys if exercise.ttl_get(client, "news", key) is not None)


def test_task4_gives_back_what_was_stored(exercise: Exercise, lab: Lab) -> None:
    """A value comes back as it was stored, from its own cache."""
    require_values(lab, ttl_calls(exercise), ttl_calls(exercise, name="mail"))


def test_task4_keeps_as_many_as_there_is_room_for(exercise: Exercise, lab: Lab) -> None:
    """Neither more nor fewer than `capacity` entries are kept."""
    require_full_use(lab, lambda room: ttl_calls(exercise, room))


def test_task4_lives_as_long_as_was_said(exercise: Exercise, timed: Lab) -> None:
    """An entry is served for its seconds, and no longer; parts of a second count."""
    for seconds, before, after in ((60.0, 59.5, 1.0), (0.9, 0.6, 0.4), (2.6, 2.3, 0.4)):
        with scene(timed) as at:
            client = at.clients[0]
            timed.server.flushdb()
            at.wait(0.25)
            keep(exercise, client, "b", 2 * HOUR)
            keep(exercise, client, "a", seconds)
            at.wait(before)
            got = alive(exercise, client, "a")
            at.require(
                holds=got == "a",
                message=f"a was stored for {seconds:g} s, and is gone after {before:g} s",
            )
            at.wait(after)
            got = alive(exercise, client, "ab")
            at.require(
                holds="a" not in got,
                message=f"a was stored for {seconds:g} s, and is served after {before + after:g} s",
            )
            at.require(
                holds=got == "b",
                message=f"b was stored for two hours, beside a, and went with it after {seconds:g} s",
            )


def test_task4_reading_gives_no_more_time(exercise: Exercise, timed: Lab) -> None:
    """To read an entry is a use, and does not make it live longer."""
    with scene(timed) as at:
        keep(exercise, at.clients[0], "a", 60)
        for _ in range(2):
            at.wait(40)
            got = alive(exercise, at.clients[0], "a")
        at.require(
            holds=got == "",
            message="a was stored for 60 s, and read at 40 s. At 80 s it is still served",
        )


def test_task4_storing_again_gives_a_new_time(exercise: Exercise, timed: Lab) -> None:
    """Who stores an entry again says anew how long it lives."""
    for first, second, there in ((60, 60, "a"), (HOUR, 10, ""), (5, HOUR, "a")):
        with scene(timed) as at:
            timed.server.flushdb()
            keep(exercise, at.clients[0], "a", first)
            at.wait(40)
            keep(exercise, at.clients[0], "a", second)
            at.wait(40)
            got = alive(exercise, at.clients[0], "a")
            at.require(
                holds=got == there,
                message=f"a was stored for {first} s, and at 40 s again for {second} s. At 80 s it "
                f"is {'served' if got else 'gone'}",
            )


def test_task4_the_dead_take_no_place(exercise: Exercise, timed: Lab) -> None:
    """What is over makes room, before anything that lives goes."""
    with scene(timed) as at:
        client = at.clients[0]
        keep(exercise, client, "b", HOUR)
        keep(exercise, client, "a", 10)
        keep(exercise, client, "c", 10)
        at.wait(20)
        keep(exercise, client, "d", HOUR)
        keep(exercise, client, "e", HOUR)
        at.show_no_more()
        got = alive(exercise, client, "bde")
        at.require(
            holds=got == "bde",
            message="Room for 3: b for an hour, a and c for 10 s. At 20 s d and e are stored, and "
            f"of b, d, e there is {', '.join(got) or 'nothing'}: what is over takes up room",
        )
        keep(exercise, client, "f", HOUR)
        got = alive(exercise, client, "bdef")
        at.require(
            holds=got == "def",
            message="Room for 3: then f is stored, and b goes, whose last use is longest ago. "
            f"There is {', '.join(got)}",
        )


def test_task4_the_least_recently_used_goes(exercise: Exercise, timed: Lab) -> None:
    """Among those that live, the last use decides, not the end."""
    with scene(timed) as at:
        client = at.clients[0]
        for key, seconds in (("a", 100), ("b", 300), ("c", 50), ("d", 200)):
            keep(exercise, client, key, seconds)
            if key == "b":
                alive(exercise, client, "a")
        at.show_no_more()
        got = alive(exercise, client, "abcd")
        at.require(
            holds=got == "acd",
            message="Room for 3: a for 100 s, b for 300 s, get a, c for 50 s, d for 200 s. There "
            f"should be a, c, d, as a was read after b; there is {', '.join(got)}",
        )


def test_task4_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    with scene(timed) as at:
        here, there = at.clients[:2]
        keep(exercise, here, "a", 60)
        with clock_ahead(there, HOUR):
            got = alive(exercise, there, "a")
            keep(exercise, there, "b", 60)
        at.require(
            holds=got == "a",
            message="A stores a for 60 s. B asks for it at the same moment, its clock an hour "
            "ahead, and gets nothing: the time must be the server's",
        )
        at.wait(61)
        at.require(
            holds=alive(exercise, here, "b") == "",
            message="B, its clock an hour ahead, stores b for 60 s. At 61 s A is served it: the "
            "time must be the server's",
        )


def test_task4_is_exact(exercise: Exercise, timed: Lab) -> None:
    """Where all live, hit for hit it is what LRU is."""
    with scene(timed):
        require_random_steps(timed, ttl_calls(exercise), lru)


def test_task4_counts_the_uses(exercise: Exercise, timed: Lab) -> None:
    """The order is that of the calls, also if they come at one moment."""
    why = "all came at the same moment, and yet one after the other: count them"
    with scene(timed):
        require_steps(timed, ttl_calls(exercise), lru, steps("+c +b +a c +d d c a b"), why)


def test_task4_leaves_nothing_behind(exercise: Exercise, timed: Lab) -> None:
    """What was evicted, or is over and was followed by others, is gone."""
    with scene(timed) as at:
        for number in range(30):
            keep(exercise, at.clients[0], f"k{number}", 10 if number % 2 else HOUR)
            at.wait(3)
        at.show_no_more()
        size = timed.size_of_all_keys()
        at.require(
            holds=size <= 20,
            message=f"Room for 3. 30 were stored one after the other, and the server holds {size} "
            "entries: what went leaves something behind",
        )


def test_task4_sends_little(exercise: Exercise, once: Lab) -> None:
    """A call costs the same however large the cache is."""
    require_little_sent(once, ttl_calls(exercise, 24))


def test_task4_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two clients at once leave neither more nor fewer than there is room for."""
    require_sound_with_two(timed, ttl_calls(exercise, 2), uses=1)


def test_task4_survives_a_death(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves nothing that never goes."""
    require_sound_after_a_death(timed, ttl_calls(exercise, 2), uses=1)


def test_task4_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(once, ttl_calls(exercise, 2))


# Task 5 ----------------------------------------------------------------------------------

IN_USE = ["home", "news", "mail", "maps", "shop", "help"]
BRIEF = ["brief1", "brief2"]  # the few keys of a cache that have an expiry
PASSING = [f"page{number}" for number in range(24)]


def require_taken(server: Evicting, situation: str, key: str, brief: Sequence[str] = ()) -> None:
    """Store something where the server must make room, and fail if it does not.

    `brief` are the keys that have an expiry.
    """
    is_taken = server.put(key)
    what = "it finds nothing that it may evict"
    if not is_taken and server.missing(brief):
        what = "it has evicted the few keys that have an expiry, and none else"
    server.require(
        holds=is_taken,
        message=f"{situation!r}: the memory is used, and the server refuses what comes (OOM command "
        f"not allowed): {what}",
    )


def require_limited(server: Evicting, situation: str, memory: int) -> None:
    """Fail if the server uses more than it may."""
    server.require(
        holds=server.used() <= memory + NOISE,
        message=f"{situation!r}: the server uses more memory than it may: it has no limit, or another",
    )


def test_task5_a_cache_keeps_what_is_in_use(exercise: Exercise, evicting: Evicting) -> None:
    """In a cache there is always room, and what was used lately stays."""
    memory = evicting.room_for(12)
    exercise.limit_memory(evicting.client, "cache", memory)
    for key in IN_USE:
        evicting.put(key)
    brief = [key for key in BRIEF if evicting.put(key, HOUR)]
    for page in PASSING:
        require_taken(evicting, "cache", page, brief)
        evicting.age(STEP)
        evicting.require(
            holds=evicting.are_there(IN_USE),
            message="'cache': home, news, mail and three others are asked for after each page that is "
            "stored, and one of them is evicted: the server does not look at what was used lately",
        )
    require_limited(evicting, "cache", memory)


def test_task5_favourites_survive_a_reading_of_everything(
    exercise: Exercise, evicting: Evicting
) -> None:
    """What is asked for all day is not driven out by what is asked for once."""
    memory = evicting.room_for(12)
    exercise.limit_memory(evicting.client, "favourites", memory)
    for key in IN_USE:
        evicting.put(key)
    brief = [key for key in BRIEF if evicting.put(key, HOUR)]
    for _ in range(10):
        evicting.are_there(IN_USE)
    for page in PASSING:
        evicting.age(STEP)
        require_taken(evicting, "favourites", page, brief)
    evicting.require(
        holds=evicting.missing(IN_USE) == [],
        message=f"'favourites': home, news, mail and three others were asked for 10 times each, then "
        f"{len(PASSING)} pages once each. Not all six are left: that they were asked for so often did not count",
    )
    require_limited(evicting, "favourites", memory)


def test_task5_records_never_go(exercise: Exercise, evicting: Evicting) -> None:
    """Where some keys must stay, only those go that have an expiry."""
    records = ["record1", "record2", "record3"]
    memory = evicting.room_for(9)
    exercise.limit_memory(evicting.client, "sessions", memory)
    for key in records:
        evicting.put(key)
    for number in range(20):
        evicting.age(STEP)
        is_taken = evicting.put(f"session{number}", HOUR)
        evicting.require(
            holds=is_taken,
            message="'sessions': the memory is used, and the server refuses a new session (OOM "
            "command not allowed), though there are old ones that may go",
        )
        evicting.require(
            holds=evicting.missing(records) == [],
            message="'sessions': sessions come, with an expiry, until the memory is used; and a "
            "record that has none, and is kept nowhere else, is evicted",
        )
    require_limited(evicting, "sessions", memory)


def test_task5_a_queue_loses_nothing(exercise: Exercise, evicting: Evicting) -> None:
    """Where nothing may be lost, what comes is refused, and nothing goes."""
    memory = evicting.room_for(8)
    exercise.limit_memory(evicting.client, "queue", memory)
    taken = []
    for number in range(20):
        key = f"job{number}"
        if evicting.put(key, HOUR if number % 2 else None):
            taken.append(key)
    evicting.require(
        holds=evicting.missing(taken) == [],
        message="'queue': jobs come, some with an expiry of an hour, until the memory is used; and "
        "some that the server had taken are gone, though the hour is not over",
    )
    evicting.require(
        holds=len(taken) < 20,
        message="'queue': the server takes more than fits: it has no limit, or another",
    )


def test_task5_holds_from_the_first_moment(exercise: Exercise, evicting: Evicting) -> None:
    """What may not go does not go while the server is set up either."""
    for situation in ("queue", "sessions"):
        evicting.reset()
        evicting.server.config_set("maxmemory-policy", "allkeys-lru")
        memory = evicting.room_for(2)
        keys = [f"record{number}" for number in range(8)]
        for key in keys:
            evicting.put(key)
        exercise.limit_memory(evicting.client, situation, memory)
        evicting.require(
            holds=evicting.missing(keys) == [],
            message=f"{situation!r}: the server had the policy allkeys-lru and no limit, and holds 8 "
            "records, more than it may from now on. Now that it is set up, some are gone",
        )


def test_task5_changes_what_was_set_before(exercise: Exercise, evicting: Evicting) -> None:
    """A policy and a limit take the place of those before."""
    memory = evicting.room_for(8)
    exercise.limit_memory(evicting.client, "queue", memory // 2)
    exercise.limit_memory(evicting.client, "cache", memory)
    for page in PASSING:
        require_taken(evicting, "cache", page)
    require_limited(evicting, "cache", memory)


def test_task5_refuses_what_it_does_not_know(exercise: Exercise, evicting: Evicting) -> None:
    """Another situation raises ValueError, and changes nothing."""
    evicting.server.config_set("maxmemory-policy", "volatile-ttl", "maxmemory", 1 << 30)
    for situation in ("Cache", "session", ""):
        got = "nothing"
        try:
            exercise.limit_memory(evicting.client, situation, 1 << 20)
        except (ValueError, LookupError, TypeError) as error:
            got = type(error).__name__
        now = evicting.server.config_get("maxmemory*")
        evicting.require(
            holds=got == "ValueError",
            message=f"there is no situation {situation!r}: expected ValueError, got {got}",
        )
        evicting.require(
            holds=(now["maxmemory"], now["maxmemory-policy"]) == ("1073741824", "volatile-ttl"),
            message=f"there is no situation {situation!r}, and yet the server is set up anew",
        )


# Task 6 ----------------------------------------------------------------------------------

LOOP = [f"page{number}" for number in range(15)] * 2


def measured(
    exercise: Exercise, server: Evicting, policy: str, room: int, trace: Sequence[str]
) -> Any:
    """Return what measure() says of a server with room for so many pages."""
    memory = server.room_for(room)
    server.forget()
    with server.time_that_sleeping_moves():
        return exercise.measure(server.client, policy, memory, trace)


def test_task6_counts_hits(exercise: Exercise, evicting: Evicting) -> None:
    """Where all fits, each access but the first to each key is a hit."""
    trace = "a b a c a b c a".split()
    for policy in ("allkeys-lru", "noeviction"):
        got = measured(exercise, evicting, policy, 12, trace)
        evicting.require(
            holds=got == 5 / 8,
            message=f"{policy}, and all fits. Three keys, asked for 8 times in all: five are hits, "
            f"expected 0.625, got {got!r}",
        )


def test_task6_begins_with_an_empty_server(exercise: Exercise, evicting: Evicting) -> None:
    """What was there before, and what was asked before, counts for nothing."""
    for key in ("page1", "page2"):
        evicting.put(key)
        evicting.are_there([key])
    evicting.put("another")
    evicting.server.move("another", 1)  # to another database of the same server
    for time in ("first", "second"):
        got = measured(exercise, evicting, "allkeys-lru", 12, ["page1", "page2", "page1", "page3"])
        evicting.require(
            holds=got == 1 / 4,
            message="4 accesses to three keys, on a server that was used before, the "
            f"{time} time: one is a hit, as the server is emptied. Expected 0.25, got {got!r}",
        )
    evicting.require(
        holds="db1" not in evicting.server.info("keyspace"),
        message="the server has a second database, and what was in it is still there: it takes up "
        "memory. FLUSHDB empties one database, FLUSHALL the server",
    )


def test_task6_a_loop_has_no_hits(exercise: Exercise, evicting: Evicting) -> None:
    """LRU answers nothing of a loop that does not fit."""
    got = measured(exercise, evicting, "allkeys-lru", 10, LOOP)
    evicting.require(
        holds=got != 15 / 30,
        message="15 pages, twice in a row, and room for 10: the second round are hits, "
        "as if everything fitted. Is there a limit?",
    )
    evicting.require(
        holds=got == 0,
        message="allkeys-lru, 15 pages twice in a row, and room for 10: whenever a page's turn "
        "comes, it has just gone, so that LRU has no hit. You measured some",
    )


def test_task6_what_is_in_use_stays(exercise: Exercise, evicting: Evicting) -> None:
    """LRU always keeps what is asked for every second time."""
    trace = [key for number in range(25) for key in ("home", f"page{number}")]
    got = measured(exercise, evicting, "allkeys-lru", 9, trace)
    evicting.require(
        holds=got == 24 / 50,
        message="allkeys-lru, room for 9: one page is asked for every second time, and so never has "
        "its last use longest ago: it is a hit each time but the first. You measured "
        f"{'fewer' if got < 24 / 50 else 'more'} hits",
    )


def test_task6_goes_on_where_nothing_is_evicted(exercise: Exercise, evicting: Evicting) -> None:
    """Who is refused is a miss, and what came first stays."""
    for policy in ("noeviction", "volatile-lru"):
        evicting.reset()
        ends = ""
        try:
            got = measured(exercise, evicting, policy, 9, LOOP)
        except valkey.ResponseError as error:
            ends = type(error).__name__
        evicting.require(
            holds=not ends,
            message=f"{policy}: the server refuses what does not fit, and measure() ends with {ends} "
            "instead of going on",
        )
        evicting.require(
            holds=4 / 30 <= got <= 14 / 30,
            message=f"{policy}, 15 pages twice in a row, and room for about 9: without an "
            "expiry none is evicted, so that the first 9 stay, and 9 of 30 are hits. You "
            f"measured {'fewer' if got < 9 / 30 else 'more'}",
        )


def test_task6_an_empty_trace(exercise: Exercise, evicting: Evicting) -> None:
    """Nothing asked is nothing answered."""
    try:
        got = measured(exercise, evicting, "allkeys-lru", 9, [])
    except ZeroDivisionError:
        got = "ZeroDivisionError"
    evicting.require(
        holds=got == 0, message=f"an empty trace has a hit ratio of 0: expected 0.0, got {got}"
    )


# Task 7 ----------------------------------------------------------------------------------


def hits_of_lru(trace: Sequence[str], capacity: int) -> int:
    """Return how many accesses an LRU cache answers, by playing it."""
    model = Model(lru, capacity)
    hits = 0
    for key in trace:
        if model.do(Step(key)) is not None:
            hits += 1
        else:
            model.do(Step(key, key))
    return hits


def require_smallest(exercise: Exercise, trace: str, wanted: float, why: str = "") -> None:
    """Fail unless the capacity is the smallest that answers as much."""
    capacities = range(1, len(set(trace)) + 1)
    enough = [n for n in capacities if hits_of_lru(trace, n) / len(trace) >= wanted]
    want = min(enough, default=None)
    got = exercise.smallest_capacity(list(trace), wanted)
    assert got == want, (
        f"{' '.join(trace)}, and wanted is {wanted:.3g}: expected {want}, got {got!r}{why and ': '}{why}"
    )


def test_task7_a_loop_fits_or_not(exercise: Exercise) -> None:
    """Of a loop nothing is answered until all of it fits."""
    why = "one entry less, and LRU has thrown each away just before its turn"
    require_smallest(exercise, "abcd" * 4, 0.1, why)
    require_smallest(exercise, "abcd" * 4, 0.75, why)
    require_smallest(exercise, "abcdcbabcdcba", 0.3, "between two uses of a key lie few others")


def test_task7_counts_each_key_between_once(exercise: Exercise) -> None:
    """How many different keys came between decides, not how many accesses."""
    require_smallest(exercise, "abbbba", 4 / 6, "three hits of b need one place; b came 4 times")
    require_smallest(exercise, "abbbba", 3.5 / 6, "between the two a there is one other key, b")
    require_smallest(exercise, "abababab", 0.5)


def test_task7_the_first_access_is_a_miss(exercise: Exercise) -> None:
    """The cache is empty at first, so that not everything can be answered."""
    for trace, wanted in (("aaaa", 0.8), ("abcd", 0.1), ("abab", 1.0)):
        got = exercise.smallest_capacity(list(trace), wanted)
        assert got is None, (
            f"{' '.join(trace)}: each key's first access is a miss however large the cache is, so "
            f"that {wanted} cannot be had: expected None, got {got!r}"
        )


def test_task7_at_least_so_much(exercise: Exercise) -> None:
    """Exactly what was wanted is enough."""
    require_smallest(exercise, "aabb", 0.5, "one entry answers 2 of 4, which is 0.5")
    require_smallest(exercise, "aaaa", 0.75, "one entry answers 3 of 4, which is 0.75")
    why = "one entry answers 7 of 25, which is 0.28; in floats 0.28 * 25 is more than 7"
    require_smallest(exercise, "aaaaaaaabcdefghijklmnopqr", 0.28, why)
    why = "that is 11 of 20, which is 0.55; in floats 3/20 + 6/20 + 2/20 is less"
    require_smallest(exercise, "aaaabababab" + "cab" + "defghi", 0.55, why)


def test_task7_is_exact(exercise: Exercise) -> None:
    """For any trace it is what playing LRU with each capacity gives."""
    for seed, keys in enumerate(("abcdefgh", "aaaabbcdefg", "abcabcabcdefg")):
        trace = "".join(step.key for step in random_steps(seed, 40, keys))
        for wanted in (0.2, 0.4, 0.55, 0.7, 0.8):
            require_smallest(exercise, trace, wanted)


def test_task7_no_accesses(exercise: Exercise) -> None:
    """Of nothing nothing can be answered."""
    try:
        got = exercise.smallest_capacity([], 0.5)
    except (ZeroDivisionError, LookupError, ValueError) as error:
        got = type(error).__name__
    assert got is None, f"an empty trace: expected None, got {got}"


def test_task7_refuses_what_is_no_part(exercise: Exercise) -> None:
    """A part is above 0 and up to 1."""
    for trace, wanted in (*(("aabb", n) for n in (80, 1.01, 0, -0.5, float("nan"))), ("", 80)):
        try:
            got = exercise.smallest_capacity(list(trace), wanted)
        except ValueError:
            continue
        of = "" if trace else " of an empty trace"
        raise AssertionError(f"wanted={wanted}{of}: expected ValueError, got {got!r}")


# Task 8 ----------------------------------------------------------------------------------

PAGES = 4


class _NotKeptError(Exception):
    """A page was to be rendered."""


def page_calls(exercise: Exercise) -> Calls:
    """Return the calls of the cache of pages: a get renders nothing."""

    def get(client: Any, url: str) -> Any:
        def refuse(_url: str) -> str:
            raise _NotKeptError

        try:
            return exercise.cached_page(client, url, refuse)
        except _NotKeptError:
            return None

    return Calls(
        get,
        lambda client, url, html: exercise.cached_page(client, url, lambda _: html),
        PAGES,
    )


def require_pages(
    lab: Lab, exercise: Exercise, urls: str, why: str, model: Model | None = None
) -> None:
    """Ask for pages, and fail at the first that is rendered or kept against the policy.

    With a model go on where it is.
    """
    if model is None:
        model = Model(lru, PAGES)
        lab.server.flushdb()
    lab.forget()
    for number, url in enumerate(urls):
        rendered: list[str] = []

        def render(url: str, note: Callable[[str], None] = rendered.append) -> str:
            note(url)
            return f"<p>{url}</p>"

        if not str(model):
            why = "the server is empty. Does your process remember it for itself?"
        is_kept = model.do(Step(url)) is not None
        if not is_kept:
            model.do(Step(url, url))
        got = exercise.cached_page(lab.client, url, render)
        before = ", ".join(urls[:number])
        said = f"PAGES is {PAGES}: {before}{before and ' asked for. Then '}{url}"
        assert got == f"<p>{url}</p>", f"{said} should be <p>{url}</p>, and is {got!r}"
        assert bool(rendered) == (not is_kept), (
            f"{said} is {'rendered' if rendered else 'kept'}, and should be "
            f"{'kept' if rendered else 'rendered'}: {why}"
        )


def test_task8_renders_once(exercise: Exercise, lab: Lab) -> None:
    """A page that was rendered is kept."""
    require_pages(lab, exercise, "aabab", "it was rendered before")


def test_task8_keeps_as_many_as_it_says(exercise: Exercise, lab: Lab) -> None:
    """Neither more nor fewer than PAGES are kept."""
    require_pages(lab, exercise, "abcdabcd", "there is room for it")
    require_pages(lab, exercise, "abcdea", "it went for e")


def test_task8_a_failure_changes_nothing(exercise: Exercise, lab: Lab) -> None:
    """A page that cannot be rendered takes no place."""

    def fail(_url: str) -> str:
        raise LookupError("no such page")

    calls = page_calls(exercise)
    store(lab.client, calls, "abc")
    for url in ("x", "y", "z", "x"):
        try:
            got = exercise.cached_page(lab.client, url, fail)
        except LookupError:
            continue
        raise AssertionError(f"render raised LookupError; cached_page returned {got!r}")
    store(lab.client, calls, "abc")
    kept = [url for url in "abc" if calls.get(lab.client, url) is not None]
    assert kept == ["a", "b", "c"], (
        f"a, b, c are kept, of {PAGES}. Then x, y and z are asked for, and render raises. Of a, b, c "
        f"there is {', '.join(kept) or 'nothing'}"
    )
    size = lab.size_of_all_keys()
    assert size <= 4 * 3 + 1, (
        f"a, b, c are kept; x, y and z could not be rendered. The server holds {size} entries: "
        "ghosts of pages that there are not"
    )


def test_task8_orders_by_use(exercise: Exercise, elsewhere: Exercise, once: Lab) -> None:
    """The page whose last use is longest ago goes, also at one moment, and a year later."""
    model = Model(lru, PAGES)
    with scene(once) as at:
        why = "the one goes that was asked for longest ago, and all came within one second"
        require_pages(once, exercise, "dcbadecbad", why, model)
        at.wait(YEAR)
        why = f"a year ago {model} were asked for, in this order, and nothing ends by itself"
        require_pages(once, exercise, "cec", why, model)
        why = f"this is another process; before, {model} were asked for, in this order"
        require_pages(once, elsewhere, "afa", why, model)


def test_task8_the_clock_is_not_the_clients(exercise: Exercise, timed: Lab) -> None:
    """A client whose clock is ahead keeps no page for longer."""
    calls = page_calls(exercise)
    with scene(timed) as at:
        with clock_ahead(at.clients[1], HOUR):
            calls.set(at.clients[1], "z", "z")
        for url in "abcd":
            at.wait(1)
            calls.set(at.clients[0], url, url)
        at.show_no_more()
        got = calls.get(at.clients[0], "z")
        at.require(
            holds=got is None,
            message=f"B, its clock an hour ahead, asks for z; then A for {PAGES} others. z was used "
            "longest ago, and is kept",
        )


def test_task8_an_empty_page_is_a_page(exercise: Exercise, lab: Lab) -> None:
    """A page without any text is not rendered twice."""
    times: list[str] = []

    def render(url: str) -> str:
        times.append(url)
        return ""

    got = [exercise.cached_page(lab.client, "a", render) for _ in range(3)]
    assert got == ["", "", ""], f"the page is empty: expected '' three times, got {got}"
    assert len(times) == 1, f"an empty page was asked for 3 times, and rendered {len(times)} times"


def test_task8_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Two clients at once leave neither more nor fewer than PAGES."""
    calls = page_calls(exercise)

    def check(end: End) -> None:
        lead = "a, b, c, d are kept, and two ask for x at the same moment"
        require_sound(end.server, calls, "abcdx", lead, died=False, uses=1, stored="x")

    def ask(client: Any) -> Any:
        return exercise.cached_page(client, "x", str)

    explore(lambda server: store(server, calls, "abcd"), [ask, ask], check, lab=once)


def test_task8_survives_a_death(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way leaves nothing that never goes."""
    calls = page_calls(exercise)

    def check(end: End) -> None:
        lead = "a, b, c, d are kept, and your client dies while it is asked for x"
        require_sound(end.server, calls, "abcdx", lead, died=True, uses=1)

    explore(
        lambda server: store(server, calls, "abcd"),
        [lambda client: exercise.cached_page(client, "x", str)],
        check,
        crashes=True,
        lab=once,
        names=["your client"],
    )


def test_task8_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(once, page_calls(exercise))
