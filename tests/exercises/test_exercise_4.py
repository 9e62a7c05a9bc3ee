"""What exercise 4 asks. Each test's docstring is its claim; each message speaks to the learner.

Nothing can move a live server's clock: `timed` is fakeredis on either backend. There clients come
at once, too: while they do the time stands still, so that each run is the same.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from tests.support.limiting import (
    apart,
    clock_ahead,
    interrupted,
    trips_until_death,
    undeclared,
)
from tests.support.scenes import NAMES, Scene, nothing, scene

from workshop.exercise import Exercise
from workshop.interleave import explore, step
from workshop.lab import Lab
from workshop.recorder import Sent
from workshop.schedule import End

Allow = Callable[[Any], Any]  # asks, through this client, whether one more request is admitted
HOUR, DAY = 3600, 86_400  # seconds
SLOW = 1 / HOUR  # tokens a second: none comes in while a test runs


@pytest.fixture
def timed(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock stands still until a test moves it."""
    lab = labs("fakeredis")
    yield lab
    lab.close()


# What several tasks have in common -------------------------------------------------------


def admitted(at: Scene, allow: Allow, times: int) -> int:
    """Return how many of so many requests, all at one moment, are admitted."""
    return sum(bool(allow(at.clients[0])) for _ in range(times))


def require_both_of_two(timed: Lab, allow: Allow) -> None:
    """Fail if one is refused because the other came between two of its commands."""
    for number in itertools.count(2):
        timed.server.flushdb()
        with scene(timed) as at:
            got = interrupted(
                timed,
                NAMES[0],
                number,
                call=lambda: bool(allow(at.clients[0])),
                by=lambda: bool(allow(at.clients[1])),
            )
            at.require(
                holds=False not in got,
                message="There is room for two. B comes between two commands of A, and one of them "
                "is refused: who lost a race (WatchError) looks again",
            )
        if None in got:
            return  # A has no more trips


def require_one_of_two(timed: Lab, setup: Allow, allow: Allow) -> None:
    """Fail unless two at once get two places, and one of them the one that `setup` leaves."""
    require_both_of_two(timed, allow)

    def check(end: End) -> None:
        got = [bool(result) for result in end.results]
        assert got != [True, True], (
            "One place is left, and two clients ask at the same moment: both are admitted. To "
            "look and to count must be one step"
        )
        assert got != [False, False], (
            "One place is left, and two clients ask at the same moment: both are refused. Each "
            "saw what the other had put there before it was decided"
        )

    explore(setup, [allow, allow], check, lab=timed)


def require_refused_count_for_nothing(
    timed: Lab, fill: Callable[[Scene], Any], ask: Allow, then: Callable[[Scene, str], Any]
) -> None:
    """Check what is admitted after a request that is refused, also if its client dies half-way.

    `fill` uses all up; `then` is told, in brackets, if the client died.
    """

    def run(number: float, died: str) -> int:
        timed.server.flushdb()
        with scene(timed) as at:
            fill(at)
            trips = trips_until_death(timed, NAMES[1], number, lambda: ask(at.clients[1]))
            if died:
                timed.recorder.sent.append(Sent(NAMES[1], ("dies here",), trips))
                at.show_no_more()
            then(at, died)
        return trips

    for number in range(2, run(math.inf, "") + 1):
        run(number, " (and B died half-way)")


def require_no_immortal_key(lab: Lab, allow: Allow, harm: str) -> None:
    """Fail if a client that dies half-way, or a key that expires then, leaves a key for ever."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], f"{harm}: {', '.join(immortal)} has no expiry, and stays for ever"

    explore(nothing, [allow], check, crashes=True, lab=lab, names=["your client"])
    explore(
        allow,
        [allow, lambda _: step("the key expires", lab.expire_now)],
        check,
        lab=lab,
        names=["your client", "time"],
    )


def require_the_servers_clock(timed: Lab, allow: Allow, limit: int) -> None:
    """Fail if a client whose clock is an hour ahead is admitted where all is used up."""
    with scene(timed) as at:
        at.wait(20)
        for _ in range(limit):
            allow(at.clients[0])
        with clock_ahead(at.clients[1], HOUR):
            got = allow(at.clients[1])
        at.require(
            holds=not got,
            message="A has used up all. B asks at the same moment, its clock an hour ahead, and is "
            "admitted: the time must be the server's",
        )


def require_one_slot(timed: Lab, allow: Allow) -> None:
    """Fail if what is used together is not in one slot, a script makes up a key, or looks at all."""
    with scene(timed) as at:
        admitted(at, allow, 3)
        keys = apart(timed)
        at.require(
            holds=keys == "",
            message=f"{keys} are used together, and are in two slots: a cluster answers CROSSSLOT. "
            "Of a key with braces only what is in them decides, as in {user:7}:a",
        )
        # Without the key, which may have a window's number in it: one more fingerprint for each.
        at.require(
            holds=undeclared(timed) == "",
            message="your script makes up the name of a key, which is not among its KEYS: a cluster "
            "sends a script where its KEYS are, and refuses others",
        )
        at.require(
            holds=timed.commands_over_all_keys() == [],
            message="KEYS looks at each key that the server holds, for every request, and in a "
            "cluster at those of one node only",
        )


# Task 1 ----------------------------------------------------------------------------------


def fixed(exercise: Exercise, limit: int, seconds: int = HOUR, key: str = "user:7") -> Allow:
    """Return what asks allow_fixed."""
    return lambda client: exercise.allow_fixed(client, key, limit, seconds)


def test_task1_admits_up_to_the_limit(exercise: Exercise, lab: Lab) -> None:
    """As many are admitted as the limit says; each key has its own."""
    got = [exercise.allow_fixed(lab.client, "user:7", 3, HOUR) for _ in range(5)]
    assert got == [True] * 3 + [False] * 2, f"the limit is 3; five requests gave {got!r}"
    other = exercise.allow_fixed(lab.client, "user:8", 3, HOUR)
    assert other == True, f"user 8 asks for the first time: expected True, got {other!r}"  # noqa: E712 - 1 will do
    assert lab.server.dbsize() > 0, "the server holds nothing: each process counts for itself"


PLAN = [  # seconds to wait, and whether it is then admitted
    (0, True),
    (20, True),
    (20, False),
    (5, False),
    (14, False),
    (2, True),
    (1, True),
    (1, False),
]


def test_task1_the_first_request_opens_the_window(exercise: Exercise, timed: Lab) -> None:
    """A window begins with its first request, and ends on time."""
    with scene(timed) as at:
        got = []
        for wait, _ in PLAN:
            at.wait(wait)
            got.append(bool(exercise.allow_fixed(at.clients[0], "user:7", 2, 60)))
        want = [expected for _, expected in PLAN]
        for number, second in ((3, 45), (4, 59)):
            at.require(
                holds=not got[number],
                message=f"The limit is 2 in 60 s, and both were used. The window opened at 0 s; at "
                f"{second} s another request is admitted: it has not ended yet",
            )
        at.require(
            holds=got[5],
            message="The limit is 2 in 60 s. The window opened at 0 s, requests kept coming, and at "
            "61 s one is refused: who keeps asking never gets in",
        )
        at.require(
            holds=got == want,
            message=f"The limit is 2 in 60 s; requests at 0, 20, 40, 45, 59, 61, 62 and 63 s "
            f"should give {want}; they gave {got}",
        )


def test_task1_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""
    require_one_of_two(timed, fixed(exercise, 2), fixed(exercise, 2))


def test_task1_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way locks nobody out for ever."""
    harm = "Your client dies between two commands, or the key expires there"
    require_no_immortal_key(timed, fixed(exercise, 1), harm)


def test_task1_works_in_a_cluster(exercise: Exercise, timed: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(timed, fixed(exercise, 2))


# Task 2 ----------------------------------------------------------------------------------


def log(exercise: Exercise, limit: int, seconds: int = HOUR) -> Allow:
    """Return what asks allow_log."""
    return lambda client: exercise.allow_log(client, "user:7", limit, seconds)


def test_task2_admits_up_to_the_limit(exercise: Exercise, lab: Lab) -> None:
    """As many are admitted as the limit says; each key has its own."""
    got = [exercise.allow_log(lab.client, "user:7", 3, HOUR) for _ in range(5)]
    assert got == [True] * 3 + [False] * 2, f"the limit is 3; five requests gave {got!r}"
    other = exercise.allow_log(lab.client, "user:8", 3, HOUR)
    assert other == True, f"user 8 asks for the first time: expected True, got {other!r}"  # noqa: E712 - 1 will do


def test_task2_two_at_one_moment_are_two(exercise: Exercise, timed: Lab) -> None:
    """Requests at the same microsecond are counted each."""
    with scene(timed) as at:
        got = admitted(at, log(exercise, 3), 8)
        at.require(
            holds=got == 3,
            message=f"The limit is 3. Eight requests come in the same microsecond, and {got} are "
            "admitted: two members of one name are one",
        )


def test_task2_holds_in_any_span(exercise: Exercise, timed: Lab) -> None:
    """At most `limit` are admitted in any span of `seconds`."""
    with scene(timed) as at:
        allow = log(exercise, 4, 60)
        first = admitted(at, allow, 1)
        at.wait(58)
        more = admitted(at, allow, 9)
        at.require(
            holds=(first, more) == (1, 3),
            message=f"The limit is 4 in 60 s. At 0 s {first} of 1 was admitted, at 58 s {more} of "
            "9: expected 1 and 3",
        )
        at.wait(3)
        edge = admitted(at, allow, 9)
        at.require(
            holds=edge <= 1,
            message=f"The limit is 4 in 60 s. Admitted: 1 at 0 s, 3 at 58 s, and then {edge} more "
            f"at 61 s, which makes {3 + edge} within 3 s",
        )
        at.require(
            holds=edge == 1,
            message="The limit is 4 in 60 s. Admitted: 1 at 0 s, 3 at 58 s. At 61 s there is one "
            "place again, and the request is refused",
        )
        at.wait(58)
        later = admitted(at, allow, 9)
        at.require(
            holds=later == 3,
            message=f"The limit is 4 in 60 s. Admitted: 3 at 58 s, 1 at 61 s. At 119 s {later} of "
            "9 are admitted, not 3",
        )


def test_task2_refused_requests_do_not_count(exercise: Exercise, timed: Lab) -> None:
    """Who was refused takes no place, neither then nor later."""
    allow = log(exercise, 2, 60)

    def fill(at: Scene) -> None:
        admitted(at, allow, 2)
        at.wait(30)

    def then(at: Scene, died: str) -> None:
        at.wait(31)
        got = admitted(at, allow, 2)
        at.require(
            holds=got == 2,
            message="The limit is 2 in 60 s: two were admitted at 0 s, and one was refused at "
            f"30 s{died}. At 61 s there is room for two, and {got} of 2 are admitted: the refused "
            "one was counted, and who keeps asking never gets in",
        )

    require_refused_count_for_nothing(timed, fill, allow, then)


def test_task2_times_are_precise(exercise: Exercise, timed: Lab) -> None:
    """A fraction of a second counts."""
    with scene(timed) as at:
        allow = log(exercise, 1, 1)
        got = []
        for wait in (0.9, 0.7, 0.4):
            at.wait(wait)
            got.append(bool(allow(at.clients[0])))
        at.require(
            holds=got == [True, False, True],
            message=f"The limit is 1 in 1 s; requests at 0.9, 1.6 and 2.0 s gave {got}, not [True, "
            "False, True]: 0.7 s are no second",
        )


def test_task2_keeps_no_more_than_it_needs(exercise: Exercise, timed: Lab) -> None:
    """What is older than the span is forgotten, also if there is no pause."""
    with scene(timed) as at:
        for _ in range(15):
            log(exercise, 4, 20)(at.clients[0])
            at.wait(6)
        at.show_no_more()
        kept = timed.size_of_all_keys()
        at.require(
            holds=kept <= 6,
            message=f"The limit is 4 in 20 s. After 90 s the server keeps {kept} entries: "
            "where requests never stop the log grows for ever",
        )


def test_task2_expires(exercise: Exercise, lab: Lab) -> None:
    """The key goes when all that it holds is too old, and not before."""
    log(exercise, 4)(lab.client)
    left = lab.ttl()
    assert left is not None, "the log has no expiry: of whoever came once, it stays for ever"
    assert HOUR - 5 < left <= HOUR + 60, (
        f"a request counts for {HOUR} s, and the log would expire in {left:.0f} s"
    )


def test_task2_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""
    require_one_of_two(timed, log(exercise, 2), log(exercise, 2))


def test_task2_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves no key without an expiry."""
    require_no_immortal_key(timed, log(exercise, 2), "Your client dies between two commands")


def test_task2_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    require_the_servers_clock(timed, log(exercise, 2, 60), 2)


def test_task2_works_in_a_cluster(exercise: Exercise, timed: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(timed, log(exercise, 2))


# Task 3 ----------------------------------------------------------------------------------

# The tests' time begins at 1,700,000,000 s: with a window of 100 s, and with one of 2 s.


def counter(exercise: Exercise, limit: int, seconds: int = HOUR, key: str = "user:7") -> Allow:
    """Return what asks allow_counter."""
    return lambda client: exercise.allow_counter(client, key, limit, seconds)


def test_task3_admits_up_to_the_limit(exercise: Exercise, timed: Lab) -> None:
    """In one window as many are admitted as the limit says."""
    with scene(timed) as at:
        got = []
        for _ in range(5):
            at.wait(0.3)
            got.append(bool(counter(exercise, 3, 60)(at.clients[0])))
        at.require(
            holds=got == [True] * 3 + [False] * 2,
            message=f"3 in 60 s: of five requests within 2 s {sum(got)} were admitted",
        )
        other = counter(exercise, 3, 60, "user:8")(at.clients[0])
        at.require(holds=other, message="user 8 asks for the first time, and is refused")


def test_task3_works_live(exercise: Exercise, lab: Lab) -> None:
    """A server with a clock of its own admits as many."""
    got = sum(bool(counter(exercise, 3)(lab.client)) for _ in range(5))
    assert got == 3, f"the limit is 3 in an hour; of five requests {got} were admitted"


def fill_and_ask(allow: Allow, at: Scene, filled: float, asked: float, want: int) -> int:
    """Let 10 be admitted at one second, and return how many are at another, of two more than `want`."""
    at.wait(filled)
    admitted(at, allow, 10)
    at.wait(asked - filled)
    return admitted(at, allow, want + 2)


def test_task3_counts_the_window_before_in_part(exercise: Exercise, timed: Lab) -> None:
    """Of the window before counts what lies in the last `seconds`."""
    for window, filled, asked, before, want in (
        (100, 90, 105, 9.5, 0),
        (100, 90, 126, 7.4, 2),
        (2, 1.9, 2.9, 5.5, 4),
    ):
        timed.server.flushdb()
        with scene(timed) as at:
            got = fill_and_ask(counter(exercise, 10, window), at, filled, asked, want)
            at.require(
                holds=got == want,
                message=f"A window has {window} s, the limit is 10. At {filled} s 10 were admitted. "
                f"At {asked} s they count as {before}, so there is room for {want}; {got} were "
                "admitted",
            )


def test_task3_remembers_for_two_windows(exercise: Exercise, timed: Lab) -> None:
    """What a window counted counts to the end of the next."""
    with scene(timed) as at:
        allow = counter(exercise, 10, 100)
        got = fill_and_ask(allow, at, 1, 195, want=9)
        at.require(
            holds=got == 9,
            message="A window has 100 s, the limit is 10. At 1 s 10 were admitted. At 195 s they "
            f"count as 0.5, so there is room for 9; {got} were admitted: the count of a window is "
            "needed until the next one ends",
        )
        at.wait(100)
        got = admitted(at, allow, 11)
        at.require(
            holds=got == 9,
            message="A window has 100 s, the limit is 10. At 195 s 9 were admitted. At 295 s they "
            f"count as 0.45, so there is room for 9; {got} were admitted: the key was there "
            "before, and expires too soon for them",
        )


def test_task3_keeps_no_more_than_it_needs(exercise: Exercise, timed: Lab) -> None:
    """Counts of older windows are forgotten, also if there is no pause."""
    with scene(timed) as at:
        for _ in range(12):
            counter(exercise, 4, 20)(at.clients[0])
            at.wait(20)
        at.show_no_more()
        kept = timed.size_of_all_keys()
        at.require(
            holds=kept <= 7,
            message=f"After 12 windows with a request each the server keeps {kept} entries: where "
            "requests never stop it is more and more",
        )


def test_task3_forgets_what_is_older(exercise: Exercise, timed: Lab) -> None:
    """What came two windows ago counts for nothing."""
    with scene(timed) as at:
        got = fill_and_ask(counter(exercise, 10, 100), at, 95, 225, want=10)
        at.require(
            holds=got == 10,
            message="A window has 100 s, the limit is 10. At 95 s 10 were admitted, then none "
            f"until 225 s, two windows later. There is room for 10; {got} were admitted: the "
            "window before is not the last in which somebody came",
        )


def test_task3_refused_requests_do_not_count(exercise: Exercise, timed: Lab) -> None:
    """Who was refused takes no place, neither then nor later."""
    allow = counter(exercise, 4, 100)

    def fill(at: Scene) -> None:
        at.wait(50)
        admitted(at, allow, 6)

    def then(at: Scene, died: str) -> None:
        at.wait(105)
        got = admitted(at, allow, 4)
        at.require(
            holds=got == 2,
            message="A window has 100 s, the limit is 4. At 50 s 4 were admitted, and three "
            f"refused{died}. At 155 s these 4 count as 1.8, so there is room for 2; {got} were "
            "admitted: the refused ones were counted too",
        )

    require_refused_count_for_nothing(timed, fill, allow, then)


def test_task3_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""
    require_one_of_two(timed, counter(exercise, 2), counter(exercise, 2))


def test_task3_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves no key without an expiry."""
    require_no_immortal_key(timed, counter(exercise, 2), "Your client dies between two commands")


def test_task3_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    require_the_servers_clock(timed, counter(exercise, 2, 60), 2)


def test_task3_works_in_a_cluster(exercise: Exercise, timed: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(timed, counter(exercise, 2))


# Task 4 ----------------------------------------------------------------------------------


def bucket(exercise: Exercise, rate: float, burst: int) -> Allow:
    """Return what asks wait_for_token whether there is one."""
    return lambda client: exercise.wait_for_token(client, "user:7", rate, burst) == 0


def test_task4_is_full_at_first(exercise: Exercise, lab: Lab) -> None:
    """A new bucket has `burst` tokens; each key has its own."""
    got = [exercise.wait_for_token(lab.client, "user:7", SLOW, 3) for _ in range(3)]
    seconds = [round(wait) for wait in got]
    assert got == [0.0] * 3, f"a new bucket of 3: three requests should give 0, and gave {seconds}"
    wait = exercise.wait_for_token(lab.client, "user:7", SLOW, 3)
    assert abs(wait - HOUR) < 5, (
        f"the bucket is empty, and a token takes {HOUR} s: wait_for_token() returned {wait!r}"
    )
    other = exercise.wait_for_token(lab.client, "user:8", SLOW, 3)
    assert other == 0, f"user 8 asks for the first time: expected 0.0, got {other!r}"


def test_task4_tells_how_long(exercise: Exercise, timed: Lab) -> None:
    """The wait is told to a fraction of a second."""
    with scene(timed) as at:
        client, told = at.clients[0], []
        for wait in (0.4, 0.125, 0.125, 0.125, 0.25):
            at.wait(wait)
            told.append(exercise.wait_for_token(client, "user:7", 2, 1))
        want = [0.0, 0.375, 0.25, 0.125, 0.0]
        near = [abs(one - other) < 0.01 for one, other in zip(told, want, strict=True)]
        at.require(
            holds=all(near),
            message="Two tokens a second, and room for one. Requests at 0.4, 0.525, 0.65, 0.775 and "
            f"1.025 s should be told {want}; they were told {told}",
        )


def test_task4_comes_in_evenly(exercise: Exercise, timed: Lab) -> None:
    """As many tokens come in as the rate says, however often one asks."""
    with scene(timed) as at:
        allow = bucket(exercise, 2, 1)
        got = 0
        for _ in range(16):
            got += admitted(at, allow, 1)
            at.wait(0.3)
        at.show_no_more()
        what = "Two tokens a second, room for one, a request each 0.3 s: every other one of 16"
        at.require(
            holds=got >= 7,  # seven, where a rounding makes one wait for a third
            message=f"{what} should be admitted, and {got} were: parts of a token are lost",
        )
        at.require(holds=got <= 9, message=f"{what} should be admitted, and {got} were")


def test_task4_holds_no_more_than_its_burst(exercise: Exercise, timed: Lab) -> None:
    """However long nobody came, there are no more than `burst` tokens."""
    with scene(timed) as at:
        allow = bucket(exercise, 2, 5)
        admitted(at, allow, 1)
        for _ in range(4):  # the key is kept alive
            at.wait(2)
            admitted(at, allow, 1)
        at.wait(5)
        got = admitted(at, allow, 9)
        at.require(
            holds=got in {5, 4},
            message=f"The bucket holds 5 tokens, and {got} of 9 were admitted after a pause: what "
            "does not fit is lost",
        )


def test_task4_who_finds_none_owes_none(exercise: Exercise, timed: Lab) -> None:
    """A refused request makes nobody wait longer."""
    allow = bucket(exercise, 1, 2)

    def then(at: Scene, died: str) -> None:
        at.wait(1.01)
        got = admitted(at, allow, 2)
        at.require(
            holds=got == 1,
            message="A token a second, room for two. Two requests were admitted, and two "
            f"refused{died}. A second later there is one token; {got} of 2 were admitted",
        )

    require_refused_count_for_nothing(timed, lambda at: admitted(at, allow, 3), allow, then)


def test_task4_forgets_nothing(exercise: Exercise, timed: Lab) -> None:
    """What was taken, and each part of a token, is remembered until the bucket is full."""
    with scene(timed) as at:
        allow, got = bucket(exercise, 0.4, 3), []
        for wait, asked in ((0, 4), (7.2, 4), (1.2, 3)):
            at.wait(wait)
            got.append(admitted(at, allow, asked))
        what = (
            "A token each 2.5 s, room for three. Of several requests each at 0, 7.2 and 8.4 s "
            f"3, 2 and 1 should be admitted (there are 3, 2.88 and 1.36 tokens); {got} were"
        )
        at.require(
            holds=got[0] == 3 and got[1] <= 2 and got[2] <= 1,
            message=f"{what}: the key is gone before the bucket is full",
        )
        at.require(holds=got == [3, 2, 1], message=f"{what}: parts of a token are lost")


def test_task4_is_fast(exercise: Exercise, timed: Lab) -> None:
    """A hundred thousand a second are limited like one a second."""
    with scene(timed) as at:
        told = [exercise.wait_for_token(at.clients[0], "user:8", 100_000, 1) for _ in range(2)]
        at.require(
            holds=told[0] == 0,
            message="100,000 tokens a second, room for one: the first request was told "
            f"{told[0]!r}, and a new bucket is full",
        )
        at.require(
            holds=told[1] > 0,
            message="100,000 tokens a second, room for one, two requests at one moment: the "
            f"second was told {told[1]!r}, which means admitted; it is 0.00001 s",
        )
        got = 0
        for _ in range(12):
            got += admitted(at, bucket(exercise, 95_000, 10), 5)
            at.wait(0.00004)
        at.show_no_more()
        at.require(
            holds=51 <= got <= 53,
            message="95,000 tokens a second, room for 10: each 40 microseconds 5 requests come, and "
            f"3.8 tokens. Of 60 about 52 should be admitted, and {got} were",
        )


def test_task4_is_slow(exercise: Exercise, timed: Lab) -> None:
    """One a day is limited like one a second."""
    with scene(timed) as at:
        client, told = at.clients[0], []
        for wait in (0, 0, 0, DAY / 2, DAY / 2 + 1, 1):
            at.wait(wait)
            told.append(exercise.wait_for_token(client, "user:7", 1 / DAY, 2))
        want = [0, 0, DAY, DAY / 2, 0, DAY - 2]
        near = [abs(one - other) <= 1 for one, other in zip(told, want, strict=True)]
        at.require(
            holds=all(near),
            message="One token a day, room for two. Requests at 0, 0, 0, 12 h, 24 h, and a second "
            f"later, should be told {[round(w) for w in want]}; they were told "
            f"{[round(t, 2) for t in told]}",
        )
        for _ in range(12):
            at.wait(0.04)
            last = exercise.wait_for_token(client, "user:7", 1 / DAY, 2)
        at.show_no_more()
        passed = told[-1] - last
        at.require(
            holds=0.3 < passed < 0.7,
            message="One token a day, and a request each 0.04 s, which adds 0.0000005 tokens: in "
            f"0.48 s the wait should get shorter by as much, and did by {passed:.2f} s",
        )


def test_task4_expires_when_it_is_full(exercise: Exercise, lab: Lab) -> None:
    """The key goes when the bucket is full again, and not before."""
    for rate, burst, taken in ((1 / 60, 5, 1), (1 / 60, 5, 5)):
        lab.server.flushdb()
        for _ in range(taken):
            exercise.wait_for_token(lab.client, "user:7", rate, burst)
        left, full = lab.ttl(), taken / rate
        assert left is not None, "a bucket has no expiry: of whoever came once, it stays for ever"
        assert left > full - 5, (
            f"the bucket is full again in {full:.0f} s, and its key expires in {left:.0f} s: then "
            "it is full too soon"
        )
        assert left <= burst / rate + 61, (
            f"even an empty bucket is full in {burst / rate:.0f} s; the key stays for {left:.0f} s"
        )


def test_task4_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once get two tokens, and of two for the last token one gets it."""
    require_one_of_two(timed, bucket(exercise, SLOW, 2), bucket(exercise, SLOW, 2))


def test_task4_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves no key without an expiry."""
    require_no_immortal_key(timed, bucket(exercise, 1, 2), "Your client dies between two commands")


def test_task4_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    require_the_servers_clock(timed, bucket(exercise, 1 / 60, 2), 2)


def test_task4_works_in_a_cluster(exercise: Exercise, timed: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(timed, bucket(exercise, SLOW, 2))


# Task 5 ----------------------------------------------------------------------------------


def decide_and_tell(
    exercise: Exercise,
    client: Any,
    limit: int = 2,
    seconds: int = 60,
    *,
    who: tuple[str, str] = ("user:7", "default"),
) -> tuple[bool, dict[str, str]]:
    """Return the decision and the headers, their names in lower case."""
    is_allowed, headers = exercise.allow_and_tell(client, *who, limit, seconds)
    return bool(is_allowed), {header.lower(): value for header, value in headers.items()}


def test_task5_tells_limit_remaining_and_reset(exercise: Exercise, timed: Lab) -> None:
    """The headers tell the limit, what is left, and for how long."""
    with scene(timed) as at:
        for wait, left, want in (
            (0, 60, (True, '"default";r=1;t=60', None)),
            (30.8, 29.2, (True, '"default";r=0;t=30', None)),
            (0, 29.2, (False, '"default";r=0;t=30', "30")),
            (9, 20.2, (False, '"default";r=0;t=21', "21")),
        ):
            at.wait(wait)
            is_allowed, headers = decide_and_tell(exercise, at.clients[0])
            retry = headers.get("retry-after")
            policy, tells = headers.get("ratelimit-policy"), headers.get("ratelimit")
            at.require(
                holds=policy == '"default";q=2;w=60',
                message=f'RateLimit-Policy should be "default";q=2;w=60 and is {policy}',
            )
            at.require(
                holds=is_allowed == want[0],
                message=f"the limit is 2: expected {want[0]}, got {is_allowed}",
            )
            at.require(
                holds=tells == want[1],
                message=f"2 in 60 s, and {left} s are left: RateLimit should be {want[1]} and is "
                f"{tells}",
            )
            at.require(
                holds=retry == want[2],
                message=f"{'admitted' if is_allowed else 'refused'}, and {left} s are left: "
                f"Retry-After should be {repr(want[2]) if want[2] else 'left out'}, and is {retry!r}",
            )
        for who in (("user:8", "default"), ("user:9", "daily")):
            _, headers = decide_and_tell(exercise, at.clients[0], who=who)
            want_first, tells = f'"{who[1]}";r=1;t=60', headers.get("ratelimit")
            at.require(
                holds=tells == want_first,
                message=f"{who[0]} asks for the first time, and the limit's name is {who[1]!r}: "
                f"RateLimit should be {want_first} and is {tells}",
            )


def test_task5_nobody_who_waits_comes_too_early(exercise: Exercise, timed: Lab) -> None:
    """Who comes again after the seconds that were told is admitted."""
    with scene(timed) as at:
        for passed in (0.0, 20.3, 59.7):
            timed.server.flushdb()
            decide_and_tell(exercise, at.clients[0], 1)
            at.wait(passed)
            _, headers = decide_and_tell(exercise, at.clients[0], 1)
            seconds = headers.get("retry-after", "")
            at.require(
                holds=seconds.isdecimal(),
                message=f"refused, so Retry-After should be whole seconds; it is {seconds!r}",
            )
            at.wait(int(seconds) + 0.01)
            is_allowed, _ = decide_and_tell(exercise, at.clients[0], 1)
            at.require(
                holds=is_allowed,
                message=f"{60 - passed:.1f} s were left. The client was told {seconds}, waits so "
                "long, and is refused again",
            )


def test_task5_is_one_round_trip(exercise: Exercise, lab: Lab) -> None:
    """Decision and headers take one round trip."""
    decide_and_tell(exercise, lab.client)
    trips = lab.round_trips(lambda: decide_and_tell(exercise, lab.client))
    assert trips == 1, (
        "it took more than one round trip: in between others come, and the window may end. A "
        "transaction or a script asks for all at once"
    )


def test_task5_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""

    def allow(client: Any) -> Any:
        return decide_and_tell(exercise, client, 2, HOUR)[0]

    require_one_of_two(timed, allow, allow)


def test_task5_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves no key without an expiry."""
    harm = "Your client dies between two commands, or the key expires there"
    require_no_immortal_key(timed, lambda client: decide_and_tell(exercise, client), harm)


def test_task5_works_in_a_cluster(exercise: Exercise, timed: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    require_one_slot(timed, lambda client: decide_and_tell(exercise, client))


# Task 6 ----------------------------------------------------------------------------------

DOWN = (
    valkey.ConnectionError("Error 111 connecting to localhost:6379. Connection refused."),
    valkey.TimeoutError("Timeout reading from socket"),
)


class Asked:
    """A limiter that says the same each time, or raises it, and counts how often it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer, self.times = answer, 0

    def __call__(self) -> Any:
        """Answer."""
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def decide(exercise: Exercise, allow: Asked, when_down: str, local: Asked) -> Any:
    """Return what allow_when_down says, as text where it raises."""
    try:
        return exercise.allow_when_down(allow, when_down, local)
    except (valkey.ValkeyError, ConnectionError, LookupError) as error:
        return f"{type(error).__module__}.{type(error).__name__}"


def test_task6_the_server_decides(exercise: Exercise) -> None:
    """While the server answers, its answer counts, and nobody else is asked."""
    for when_down in ("open", "closed", "local"):
        for answer in (True, False):
            allow, local = Asked(answer), Asked(not answer)
            got = decide(exercise, allow, when_down, local)
            assert got is answer, f"the server says {answer}, when_down={when_down!r}; got {got!r}"
            assert allow.times == 1, "the server answers, and allow() was called more than once"
            assert local.times == 0, "the server answers, and local() was asked all the same"


def test_task6_decides_without_the_server(exercise: Exercise) -> None:
    """Without the server it is decided as was agreed."""
    for error in DOWN:
        name = f"valkey.{type(error).__name__}"
        for when_down, answer, want in (
            ("open", False, True),
            ("closed", True, False),
            ("local", True, True),
            ("local", False, False),
        ):
            allow, local = Asked(error), Asked(answer)
            got = decide(exercise, allow, when_down, local)
            assert got is want, (
                f"allow() raises {name}, when_down={when_down!r}, local() says {answer}: expected "
                f"{want}, got {got}"
            )
            assert allow.times == 1, (
                f"allow() fails with {name}, and was called again: the server may have counted the "
                "request, and who waited for it once waits again"
            )
            assert local.times == (when_down == "local"), (
                f"when_down={when_down!r}, and local() was called {local.times} times"
            )


def test_task6_hides_no_other_error(exercise: Exercise) -> None:
    """A fault in the program, or an error that the server answers, is passed on."""
    for error, what in (
        (LookupError("user"), "LookupError, a fault in the program"),
        (ConnectionError("mail"), "Python's own ConnectionError, which is not the driver's"),
        (
            valkey.ResponseError("WRONGTYPE"),
            "valkey.ResponseError: the server is there, and answers",
        ),
        (
            valkey.AuthenticationError("WRONGPASS"),
            "valkey.AuthenticationError: the server is there, and refuses the password",
        ),
    ):
        for when_down in ("open", "closed", "local"):
            got = decide(exercise, Asked(error), when_down, Asked(answer=True))
            assert isinstance(got, str), (
                f"allow() raises {what}; when_down={when_down!r} made {got} of it, and nobody will "
                "ever hear of the fault"
            )
    got = decide(exercise, Asked(DOWN[0]), "local", Asked(LookupError("user")))
    assert isinstance(got, str), (
        f"the server is down, and local() raises LookupError, a fault in the program; {got} was "
        "made of it, and nobody will ever hear of the fault"
    )


def test_task6_finds_a_typo_at_once(exercise: Exercise) -> None:
    """A when_down that there is not is refused while the server is up, and before it is asked."""
    for when_down in ("opne", "", "OPEN"):
        allow = Asked(answer=True)
        refused = False
        try:
            exercise.allow_when_down(allow, when_down, Asked(answer=True))
        except ValueError:
            refused = True
        assert refused, (
            f"when_down={when_down!r}, the server is up, and there is no ValueError: the typo is "
            "found on the day when the server is down"
        )
        assert allow.times == 0, f"when_down={when_down!r} is refused after the server has counted"


# Task 7 ----------------------------------------------------------------------------------


def login(exercise: Exercise) -> Allow:
    """Return what asks allow_login."""
    return lambda client: exercise.allow_login(client, "192.0.2.1")


def test_task7_each_address_has_its_own(exercise: Exercise, lab: Lab) -> None:
    """The first attempts of each address are admitted."""
    addresses = ("192.0.2.1", "192.0.2.2") * 10
    got = [bool(exercise.allow_login(lab.client, address)) for address in addresses]
    assert got == [True] * 20, (
        f"two addresses, 10 attempts each: {got.count(False)} of 20 were refused"
    )


def test_task7_admits_ten(exercise: Exercise, timed: Lab) -> None:
    """Of 20 attempts within a few seconds 10 are admitted."""
    with scene(timed) as at:
        for which in ("a minute", "the next minute"):
            got = 0
            for _ in range(20):
                at.wait(0.25)
                got += admitted(at, login(exercise), 1)
            at.show_no_more()
            at.require(
                holds=got == 10,
                message=f"In {which} 20 attempts came within 5 s: 10 should be admitted, and {got} "
                "were",
            )
            at.wait(61)


def test_task7_lets_in_again(exercise: Exercise, timed: Lab) -> None:
    """Who keeps trying is admitted when the minute is over, and not before."""
    with scene(timed) as at:
        at.wait(41)  # the clock shows 1 s past a minute
        admitted(at, login(exercise), 12)
        at.wait(45)
        at.require(
            holds=admitted(at, login(exercise), 1) == 0,
            message="12 attempts at 1 s past a minute: at 46 s another one is admitted. What was "
            "counted is needed for the whole minute",
        )
        got = 0
        for _ in range(6):
            at.wait(20)
            got += admitted(at, login(exercise), 1)
        at.require(
            holds=got > 0,
            message="12 attempts at once, then one each 20 s: in all of the next two minutes none "
            "is admitted, as each attempt begins the minute anew",
        )
        at.wait(3600 - 165)
        at.require(
            holds=admitted(at, login(exercise), 1) == 1,
            message="12 attempts at 1 s past a minute, and an hour later another one is refused: "
            "a minute is not the same as one an hour before",
        )


def test_task7_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""

    def nine(client: Any) -> None:
        for _ in range(9):
            login(exercise)(client)

    require_one_of_two(timed, nine, login(exercise))


def test_task7_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way locks nobody out for ever."""
    harm = "Your client dies between two commands, or the key expires there"
    require_no_immortal_key(timed, login(exercise), harm)


def test_task7_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    require_the_servers_clock(timed, login(exercise), 10)


# Task 8 ----------------------------------------------------------------------------------


def export(exercise: Exercise, user_id: str = "7") -> Allow:
    """Return what asks allow_export."""
    return lambda client: exercise.allow_export(client, user_id)


def test_task8_each_user_has_their_own(exercise: Exercise, timed: Lab) -> None:
    """The first exports of each user are admitted."""
    with scene(timed) as at:
        got = []
        for _ in range(5):
            at.wait(1)
            got += [bool(export(exercise, user)(at.clients[0])) for user in ("7", "8")]
        at.require(
            holds=got == [True] * 10,
            message=f"two users, five exports each: {got.count(False)} of 10 were refused",
        )


def test_task8_holds_in_any_ten_minutes(exercise: Exercise, timed: Lab) -> None:
    """In any ten minutes five are admitted, wherever they begin."""
    with scene(timed) as at:
        got = []
        for wait in (0, 590, 20, 581):
            at.wait(wait)
            got.append(admitted(at, export(exercise), 1 if wait == 0 else 7))
        at.require(
            holds=got == [1, 4, 1, 4],
            message="Five in ten minutes. Asked once at 0 s, and 7 times each at 590, 610 and 1191 "
            f"s: expected [1, 4, 1, 4] admitted, got {got}",
        )


def test_task8_refused_exports_do_not_count(exercise: Exercise, timed: Lab) -> None:
    """Who was refused takes no place, neither then nor later."""

    def fill(at: Scene) -> None:
        for _ in range(5):
            admitted(at, export(exercise), 1)
            at.wait(1)
        for _ in range(3):
            at.wait(100)
            admitted(at, export(exercise), 1)

    def then(at: Scene, died: str) -> None:
        at.wait(305)
        got = admitted(at, export(exercise), 5)
        at.require(
            holds=got == 5,
            message=f"Five were admitted within 5 s, then four refused until 305 s{died}. At 610 s "
            f"there is room for five, and {got} are admitted: the refused ones were counted",
        )

    require_refused_count_for_nothing(timed, fill, export(exercise), then)


def test_task8_expires(exercise: Exercise, lab: Lab) -> None:
    """The key goes when all that it holds is too old, and not before."""
    export(exercise)(lab.client)
    left = lab.ttl()
    assert left is not None, "the key has no expiry: of whoever exported once, it stays for ever"
    assert 595 < left <= 660, f"an export counts for 600 s, and its key expires in {left:.0f} s"


def test_task8_two_at_once(exercise: Exercise, timed: Lab) -> None:
    """Two at once are both admitted, and of two for the last place one."""

    def four(client: Any) -> None:
        for _ in range(4):
            export(exercise)(client)

    require_one_of_two(timed, four, export(exercise))


def test_task8_leaves_nothing_for_ever(exercise: Exercise, timed: Lab) -> None:
    """A client that dies half-way leaves no key without an expiry."""
    require_no_immortal_key(timed, export(exercise), "Your client dies between two commands")


def test_task8_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """The clock of the machine that asks plays no role."""
    require_the_servers_clock(timed, export(exercise), 5)
