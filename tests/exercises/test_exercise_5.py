"""What exercise 5 asks. Each test's docstring is its claim; each message speaks to the learner."""

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any
from unittest import mock

import pytest
import time_machine
from tests.support.caching import Source
from tests.support.limiting import apart, clock_ahead, undeclared
from tests.support.scenes import Paused, Scene, nothing, now, scene

from workshop.exercise import Exercise, ExerciseError
from workshop.interleave import explore, step
from workshop.lab import Lab, TooManyTripsError
from workshop.schedule import End

LEASE, HOUR, YEAR = 10.0, 3600.0, 31_536_000.0  # seconds
MOST_TRIES = 100  # of somebody who waits for some seconds
SHORTEST_TOKEN = 11  # characters: 8 random bytes, as secrets.token_urlsafe(8) writes them
Take = Callable[[Any], Any]  # takes the lock through this client


# What several tasks have in common -------------------------------------------------------
# Each task's tests take the lock by its own functions: a fault of one task is not another's.


def require_one_of_two(lab: Lab, take: Take) -> None:
    """Fail unless, of two clients that come at once, exactly one gets the lock."""

    def check(end: End) -> None:
        winners = sum(result is not None for result in end.results)
        assert winners == 1, (
            f"Two clients want the lock at the same moment, and {winners} of them get it"
        )

    explore(nothing, [take, take], check, lab=lab)


def require_that_it_ends(lab: Lab, take: Take) -> None:
    """Fail if a client that dies while it takes the lock leaves one that never ends."""

    def check(end: End) -> None:
        lab.expire_now()
        assert take(end.server) is not None, (
            "Your client dies between two commands, and the lock never ends: nobody gets it again"
        )

    explore(nothing, [take], check, crashes=True, lab=lab, names=["your client"])


class Heir:
    """Somebody who takes the lock, for 5 s, in the very moment in which it ends."""

    def __init__(self, lab: Lab, take: Take) -> None:
        self.lab, self.take, self.tokens = lab, take, list[str]()

    def __call__(self, _client: Any) -> None:
        """Let the lock end, and take it, as one step."""
        step("the lock ends, and is another's", self.take_it)

    def still_holds(self) -> bool:
        """Return whether the lock that was taken, if it was, is still theirs, and for no longer."""
        lefts = [lease_left(self.lab, token) for token in self.tokens]
        return all(left is not None and left <= 5 for left in lefts)

    def take_it(self, *, it_ends: bool = True) -> None:
        """Take the lock, which ends now, or is free."""
        if it_ends:
            self.lab.expire_now()
        token = self.take(self.lab.server)
        self.tokens += [token] if token is not None else []


def keys_with(lab: Lab, token: str) -> list[str]:
    """Return the keys that hold a token; other keys may live for longer than the lock."""
    readers = {"string": lab.server.get, "hash": lab.server.hgetall}
    keys = list(lab.server.scan_iter())
    return [key for key in keys if token in str(readers.get(lab.server.type(key), str)(key))]


def is_foretold(tokens: list[str]) -> bool:
    """Return whether who has seen one of some tokens, each drawn after the other, can try the next."""
    differing = [
        sum(x != y for x, y in itertools.zip_longest(one, other))
        for one, other in itertools.pairwise(tokens)
    ]
    return min(map(len, tokens)) < SHORTEST_TOKEN or min(differing, default=8) < 8


def lease_left(lab: Lab, token: str) -> float | None:
    """Return the seconds until the lock under this token ends, None if never or if there is none."""
    left = [lab.server.pttl(key) / 1000 for key in keys_with(lab, token)]
    return min(left) if left and min(left) >= 0 else None


def end_lock(lab: Lab) -> None:
    """Let the lock end now; what lives for longer stays."""
    for key in list(lab.server.scan_iter()):
        if 0 <= lab.server.pttl(key) <= LEASE * 1000:
            lab.server.delete(key)


@pytest.fixture
def timed(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock follows the tests'; nothing can move a live one's."""
    lab = labs("fakeredis")
    yield lab
    lab.close()


# Task 1 ----------------------------------------------------------------------------------


def test_task1_takes_and_frees(exercise: Exercise, lab: Lab) -> None:
    """Who takes the lock has it until it is freed; each name is a lock of its own."""
    token = exercise.acquire(lab.client, "report", LEASE)
    assert isinstance(token, str), f"the lock is free: expected a token (str), got {token!r}"
    second = exercise.acquire(lab.client, "report", LEASE)
    got = "a token" if second else repr(second)
    assert second is None, f"the lock is taken: expected None of a second acquire(), got {got}"
    other = exercise.acquire(lab.client, "invoice", LEASE)
    assert other is not None, "`invoice` is another lock than `report`, and was free"
    freed = exercise.release(lab.client, "report", token)
    assert freed == True, f"the lock was held under this token: expected True, got {freed!r}"  # noqa: E712 - 1 will do
    again = exercise.acquire(lab.client, "report", LEASE)
    assert again is not None, "the lock was freed, and cannot be taken"
    lab.expire_now()
    late = exercise.release(lab.client, "report", again)
    assert not late, f"the lock had ended, and nobody has it: expected False, got {late!r}"


def test_task1_nobody_can_guess_a_token(exercise: Exercise, lab: Lab) -> None:
    """A token cannot be guessed, also by who has seen others."""
    before, tokens = random.getstate(), []
    for seed in (None, 5, 5):
        random.seed(seed)
        tokens.append(exercise.acquire(lab.client, "report", LEASE))
        lab.server.flushdb()
    random.setstate(before)
    assert tokens[0] != tokens[1], (
        "two acquisitions have the same token: who has an old one can free the lock of another"
    )
    assert tokens[1] != tokens[2], (
        "the token can be told beforehand: who has seen some numbers of `random` knows the next"
    )
    assert not is_foretold(tokens[:2]), (
        "two tokens, drawn one after the other, differ in less than 8 characters, or have less than "
        f"{SHORTEST_TOKEN}: who has one can guess the other"
    )


def test_task1_ends_by_itself(exercise: Exercise, lab: Lab) -> None:
    """A lock ends after its seconds, to a part of one."""
    for seconds in (30.0, 2.9):
        lab.server.flushdb()
        token = exercise.acquire(lab.client, "report", seconds)
        assert keys_with(lab, token), "no key of the server holds the token as it is"
        left = lease_left(lab, token)
        assert left is not None, (
            "the lock has no expiry: if its holder dies, nobody ever gets it again"
        )
        assert seconds - 0.8 < left <= seconds, (
            f"asked for {seconds} s; the lock ends {'later' if left > seconds else 'sooner'} than that"
        )


def test_task1_two_at_once(exercise: Exercise, lab: Lab) -> None:
    """Of two who want the lock at the same moment, one gets it."""
    require_one_of_two(lab, lambda client: exercise.acquire(client, "report", LEASE))


def test_task1_who_does_not_get_it_changes_nothing(exercise: Exercise, lab: Lab) -> None:
    """Who does not get the lock leaves it as it is."""
    with scene(lab) as at:
        a, b, _ = at.clients
        mine = exercise.acquire(a, "report", LEASE)
        began, before = now(), set(lab.server.scan_iter())
        exercise.acquire(b, "report", HOUR)
        left = lease_left(lab, mine)
        at.require(
            holds=left is not None and left <= LEASE,
            message="A has the lock for 10 s. B wants it for an hour, and does not get it; but A's "
            "lock lasts longer now, or is gone",
        )
        added = ", ".join(sorted(set(lab.server.scan_iter()) - before))
        at.require(
            holds=not added, message=f"B does not get the lock, and leaves a key behind: {added}"
        )
        at.require(
            holds=now() == began,
            message="A has the lock. acquire() should tell B at once, and waits",
        )


def test_task1_takes_no_lock_over(exercise: Exercise, lab: Lab) -> None:
    """A lock that has become another's while it is looked at stays so."""
    heir = Heir(lab, lambda server: exercise.acquire(server, "report", 5))

    def come_later(_client: Any) -> None:
        step("the lock ends", lab.expire_now)
        step("another takes it", lambda: heir.take_it(it_ends=False))

    def setup(server: Any) -> None:
        heir.tokens.clear()
        exercise.acquire(server, "report", LEASE)

    def check(_end: End) -> None:
        assert heir.still_holds(), (
            "The lock ends after you have looked at it, and another client takes it. Then you take "
            "it over: to look and to take must be one step"
        )

    explore(
        setup,
        [lambda client: exercise.acquire(client, "report", LEASE), come_later],
        check,
        lab=lab,
        outside=lambda: heir.tokens,
        names=["your client", "another client"],
    )


def test_task1_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies anywhere does not keep the lock for ever."""
    require_that_it_ends(lab, lambda client: exercise.acquire(client, "report", LEASE))


def test_task1_no_two_tokens_are_alike(exercise: Exercise, lab: Lab) -> None:
    """Each acquisition has a token of its own, at one moment and in one client, too."""
    with scene(lab) as at:
        a, b, _ = at.clients
        tokens = []
        for client in (a, a, b):
            tokens.append(exercise.acquire(client, "report", LEASE))
            exercise.release(client, "report", tokens[-1])
        at.require(
            holds=len(set(tokens)) == 3,
            message="A takes the lock, frees it, and takes it again; then B does, all at one "
            f"moment. {len(set(tokens))} of the three tokens are different: who has an old one can "
            "free the lock of another",
        )


def test_task1_only_the_holder_frees_it(exercise: Exercise, lab: Lab) -> None:
    """A token that is not the holder's frees nothing."""
    with scene(lab) as at:
        a, b, c = at.clients
        late = exercise.acquire(a, "report", LEASE)
        at.wait(LEASE + 1)
        mine = exercise.acquire(b, "report", HOUR)
        at.require(holds=mine is not None, message="A's lock ended a second ago, and B gets none")
        freed = exercise.release(a, "report", late)
        stolen = exercise.acquire(c, "report", LEASE)
        at.require(
            holds=stolen is None,
            message="A's lock ended, and B has it now. Then A comes to its release, and frees B's "
            "lock: C gets it, and works beside B",
        )
        at.require(
            holds=not freed,
            message=f"A's lock had ended before A freed it: release() should return False, and "
            f"returned {freed!r}",
        )
        at.require(
            holds=exercise.release(b, "report", mine) == True,  # noqa: E712 - 1 will do
            message="B holds the lock, and its own release() does not return True",
        )


def test_task1_frees_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """A lock that has become another's while it is freed stays so."""
    heir = Heir(lab, lambda server: exercise.acquire(server, "report", 5))
    mine: list[str] = []

    def setup(server: Any) -> None:
        heir.tokens.clear()
        mine[:] = [exercise.acquire(server, "report", LEASE)]

    def check(_end: End) -> None:
        assert heir.still_holds(), (
            "Your lock ends between two of your commands, and another client takes it. Then you "
            "delete it: to see whose it is and to delete it must be one step"
        )

    explore(
        setup,
        [lambda client: exercise.release(client, "report", mine[0]), heir],
        check,
        lab=lab,
        outside=lambda: (heir.tokens, mine),
        names=["your client", "another client"],
    )


def test_task1_frees_it_whatever_else_is_done_with_it(exercise: Exercise, lab: Lab) -> None:
    """A lock whose end its own holder moves, while it is freed, is free afterwards."""
    mine: list[str] = []

    def setup(server: Any) -> None:
        mine[:] = [exercise.acquire(server, "report", LEASE)]

    def prolong() -> None:
        for key in keys_with(lab, mine[0]):
            lab.server.pexpire(key, 60_000)

    def check(end: End) -> None:
        assert end.results[0], (
            "Your lock is extended by your own program while you free it. It is still held under "
            f"your token; release() should free it, and returned {end.results[0]!r}"
        )

    explore(
        setup,
        [
            lambda client: exercise.release(client, "report", mine[0]),
            lambda _: step("your lock is extended", prolong),
        ],
        check,
        lab=lab,
        outside=lambda: mine,
        names=["your client", "your own thread"],
    )


# Task 2 ----------------------------------------------------------------------------------


class BlockError(Exception):
    """What goes wrong in a `with` block."""


def run_block(exercise: Exercise, client: Any, block: Callable[[Any], Any]) -> BaseException | None:
    """Run a block under the lock, and return the error that came out of it."""
    try:
        with exercise.held(client, "report", LEASE) as token:
            block(token)
    except (NotImplementedError, ExerciseError, TypeError, AttributeError):
        raise
    except BaseException as error:  # noqa: BLE001 - an error is what this is about
        return error
    return None


def leave(block: Any) -> None:
    """Leave a block that was entered by hand, whatever comes out of it."""
    with suppress(Exception):
        block.__exit__(None, None, None)


def named(error: BaseException | None) -> str:
    """Return an error's name."""
    return "none" if error is None else type(error).__name__


def test_task2_holds_it_while_the_block_runs(exercise: Exercise, lab: Lab) -> None:
    """The lock is taken in the block and free after it; `as` gives its token."""
    with scene(lab) as at:
        a, b, _ = at.clients
        tokens, beside, errors = list[Any](), list[Any](), list[str]()

        def block(token: Any) -> None:
            tokens.append(token)
            errors.append(named(run_block(exercise, b, beside.append)))

        for _ in range(2):
            began = now()
            error = run_block(exercise, a, block)
            at.require(
                holds=now() == began,
                message="A has the lock. B should be told so at once, and waits for it",
            )
            at.require(
                holds=error is None,
                message=f"A's block ends well, and its `with` raises {named(error)}",
            )
        at.require(
            holds=isinstance(tokens[0], str),
            message=f"`as` should give the token, and gave {tokens[0]!r}",
        )
        at.require(
            holds=beside == [],
            message="A has the lock, and its block runs. B's block runs beside it",
        )
        at.require(
            holds=errors == ["LockTakenError"] * 2,
            message=f"A has the lock. B should get LockTakenError, and gets: {errors[0]}",
        )


def test_task2_frees_it_however_the_block_ends(exercise: Exercise, lab: Lab) -> None:
    """After an error the lock is free, and the error comes out."""
    of_its_own = (exercise.LockTakenError, exercise.LeaseLostError)  # of another lock
    for kind in (BlockError, KeyboardInterrupt, SystemExit, *of_its_own):
        lab.server.flushdb()

        def fail(_token: Any, kind: type[BaseException] = kind) -> None:
            raise kind("in the block")

        error = run_block(exercise, lab.client, fail)
        ran: list[Any] = []
        run_block(exercise, lab.client, ran.append)
        assert len(ran) == 1, (
            f"the block ends with {kind.__name__}, and the lock stays taken until it expires: free "
            "it in a `finally`"
        )
        assert type(error) is kind, (
            f"the block ends with {kind.__name__}; what comes out of the `with` is: {named(error)}"
        )


def test_task2_frees_no_other_lock(exercise: Exercise, lab: Lab) -> None:
    """Who does not get the lock leaves it to those who have it."""
    with scene(lab) as at:
        a, b, c = at.clients
        beside: list[Any] = []

        def block(_token: Any) -> None:
            run_block(exercise, b, nothing)
            run_block(exercise, c, beside.append)

        run_block(exercise, a, block)
        at.require(
            holds=beside == [],
            message="A has the lock. B does not get it, and frees A's all the same: C gets it, and "
            "works beside A",
        )


def test_task2_says_that_the_lock_was_lost(exercise: Exercise, lab: Lab) -> None:
    """A block that outlives its lock ends with LeaseLostError."""
    with scene(lab) as at, ExitStack() as stack:
        a, b, c = at.clients

        def lose(_token: Any) -> None:
            at.wait(LEASE + 1)
            theirs = exercise.held(b, "report", HOUR)
            theirs.__enter__()
            stack.callback(leave, theirs)

        error = run_block(exercise, a, lose)
        beside: list[Any] = []
        run_block(exercise, c, beside.append)
        at.require(
            holds=beside == [],
            message="A's lock ends in its block, and B takes it. A's block ends, and frees B's lock: "
            "C gets it, and works beside B",
        )
        at.require(
            holds=named(error) == "LeaseLostError",
            message="A's block takes longer than its lock, which ends and becomes B's. A should be "
            f"told by LeaseLostError, and is by: {named(error)}. Nobody else knows of it",
        )


def test_task2_says_so_whoever_knows_of_it(exercise: Exercise, lab: Lab) -> None:
    """A lock that is gone was lost, also if nobody has taken it, or its time was not over."""
    with scene(lab) as at:
        client = at.clients[0]
        error = run_block(exercise, client, lambda _: at.wait(LEASE + 1))
        at.require(
            holds=named(error) == "LeaseLostError",
            message="A's block takes longer than its lock. Nobody has the lock by then, but somebody "
            f"may have had it. A should be told by LeaseLostError, and is by: {named(error)}",
        )
        error = run_block(exercise, client, lambda _: lab.server.flushdb())
        at.require(
            holds=named(error) == "LeaseLostError",
            message="The server loses A's lock while A's block runs: it was emptied, or has failed "
            f"over. A should be told by LeaseLostError, and is by: {named(error)}",
        )


def test_task2_the_blocks_own_error_says_more(exercise: Exercise, lab: Lab) -> None:
    """If a block fails that has lost its lock, its own error comes out."""
    with scene(lab) as at:

        def lose_and_fail(_token: Any) -> None:
            at.wait(LEASE + 1)
            raise BlockError

        error = run_block(exercise, at.clients[0], lose_and_fail)
        at.require(
            holds=named(error) == "BlockError",
            message="The block ends with an error of its own after its lock has ended. What comes "
            f"out is {named(error)}, and hides it",
        )


# Task 3 ----------------------------------------------------------------------------------


def take_now(exercise: Exercise, at: Scene, seconds: float) -> str:
    """Let A take the lock, which is free."""
    token: str = wait_for_it(exercise, at.clients[0], 0.5, seconds)
    return token


def wait_for_it(exercise: Exercise, client: Any, patience: float, seconds: float = LEASE) -> Any:
    """Return what acquire_within gives; as on a real clock, no sleep is without length."""
    sleep = time.sleep
    with mock.patch.object(time, "sleep", lambda pause: sleep(max(pause, 0.001))):
        return exercise.acquire_within(client, "report", seconds, patience)


def waited(exercise: Exercise, at: Scene, patience: float) -> tuple[Any, float]:
    """Return what B's acquire_within gives, and after how long; inf if it has no end."""
    began, recorder = time.monotonic(), at.lab.recorder
    bound, most = recorder.before, recorder.trips + MOST_TRIES

    def stop(client: str, commands: list[tuple[str, ...]]) -> None:
        if bound is not None:
            bound(client, commands)
        if recorder.trips > most:
            raise TooManyTripsError(f"it has tried {MOST_TRIES} times")

    recorder.before = stop
    try:
        token = wait_for_it(exercise, at.clients[1], patience)
    except (TooManyTripsError, RecursionError):
        passed = time.monotonic() - began
        at.require(
            holds=passed >= 2 * patience,
            message=f"A has the lock. B asks {MOST_TRIES} times in {passed:.1f} s: with a hundred "
            "waiters the server does nothing else",
        )
        return None, math.inf
    finally:
        recorder.before = bound
    return token, time.monotonic() - began


def require_an_end(exercise: Exercise, lab: Lab) -> None:
    """Fail if a waiter waits for ever: it cannot be told then in how many ways it may die."""
    with scene(lab, most=5) as at:
        take_now(exercise, at, HOUR)
        token, seconds = waited(exercise, at, 1.5)
        at.require(
            holds=seconds < math.inf,
            message="A has the lock, and keeps it. B's patience is 1.5 s, and B tries and tries, and "
            "comes to no end",
        )
        at.require(holds=token is None, message="A has the lock for an hour, and B gets it, too")
        at.require(
            holds=seconds <= 1.75,
            message=f"A has the lock. B's patience is 1.5 s, and B waits for {seconds:.1f} s",
        )
        at.require(
            holds=seconds >= 1.35,
            message=f"A has the lock. B's patience is 1.5 s, and B gives up after {seconds:.1f} s",
        )
    lab.server.flushdb()


def test_task3_waits_a_bounded_time(exercise: Exercise, lab: Lab) -> None:
    """Who does not get the lock gives up when its patience is over."""
    require_an_end(exercise, lab)


def test_task3_takes_a_free_lock_at_once(exercise: Exercise, lab: Lab) -> None:
    """A free lock is taken at once, also without any patience; it ends after its seconds."""
    for patience in (2.0, 0.0):
        lab.server.flushdb()
        with scene(lab) as at:
            token, seconds = waited(exercise, at, patience)
            at.require(
                holds=isinstance(token, str) and seconds == 0,
                message=f"The lock is free, the patience {patience:.0f} s. B "
                f"{'gets it' if token else 'gives up'} after {seconds:.1f} s: it should try first, "
                "and wait then",
            )
            left = lease_left(lab, token) or 0
            at.require(
                holds=LEASE - 1 < left <= LEASE,
                message=f"the lock is B's for {LEASE:.0f} s; it has about {left:.0f} s",
            )


def test_task3_takes_it_soon_after_it_is_free(exercise: Exercise, lab: Lab) -> None:
    """A lock that is freed is soon taken by who waits, for all its seconds."""
    with scene(lab) as at:
        theirs = take_now(exercise, at, 8.0)
        began, bound = now(), lab.recorder.before

        def free_it(client: str, commands: list[tuple[str, ...]]) -> None:
            if bound is not None:
                bound(client, commands)
            if now() - began > 2.15:
                lab.server.delete(*keys_with(lab, theirs), "nothing")

        lab.recorder.before = free_it
        token, seconds = waited(exercise, at, 20.0)
        lab.recorder.before = bound
        at.require(
            holds=token is not None and seconds <= 2.45,
            message="A frees its lock after 2.2 of its 8 s. B, who waits for it with a patience of "
            f"20 s, {'gets it' if token else 'gives up'} after {seconds:.1f} s: look every PAUSE",
        )
        left = lease_left(lab, token) or 0
        at.require(
            holds=LEASE - 1 < left <= LEASE,
            message=f"B got the lock for {LEASE:.0f} s, and has it for about {left:.0f} s",
        )


def test_task3_does_not_ask_too_often(exercise: Exercise, lab: Lab) -> None:
    """Who waits asks about once each PAUSE."""
    with scene(lab) as at:
        take_now(exercise, at, HOUR)
        lab.forget()
        waited(exercise, at, 0.0)
        of_a_try = lab.recorder.trips
        waited(exercise, at, 2.0)
        trips = lab.recorder.trips - of_a_try
        at.require(
            holds=trips <= 44 * of_a_try,
            message=f"B waits for 2 s, and asks {trips} times: with a hundred waiters the server "
            "does nothing else",
        )


def test_task3_measures_the_time(exercise: Exercise, lab: Lab) -> None:
    """Patience is time, however slow the server is."""
    with scene(lab) as at:
        take_now(exercise, at, HOUR)
        lab.forget()
        waited(exercise, at, 0.0)
        of_a_try = lab.recorder.trips
        seconds = waited_for_a_slow_server(exercise, at, 1.5)[1]
        at.require(
            holds=seconds <= 2.25 + 1.5 * of_a_try,
            message="A has the lock. Each answer takes 1.5 s, B's patience is 2 s, and B gives up "
            f"after {seconds:.1f} s: tries are no measure of time",
        )


def waited_for_a_slow_server(exercise: Exercise, at: Scene, answer: float) -> tuple[Any, float]:
    """Return what B gets, and after how long, if each answer takes so many seconds."""
    recorder = at.lab.recorder
    bound = recorder.before

    def be_slow(client: str, commands: list[tuple[str, ...]]) -> None:
        if bound is not None:
            bound(client, commands)
        at.wait(answer)

    recorder.before = be_slow
    got = waited(exercise, at, 2.0)
    recorder.before = bound
    return got


def test_task3_keeps_no_lock_that_nobody_has(exercise: Exercise, lab: Lab) -> None:
    """An answer that comes too late leaves the lock with who asked, or free."""
    with scene(lab) as at:
        token, _ = waited_for_a_slow_server(exercise, at, 2.5)
        others = None if token else wait_for_it(exercise, at.clients[2], 0)
        at.require(
            holds=bool(token or others),
            message="The lock is free; the answer takes 2.5 s, and B's patience is 2 s. B gets the "
            "lock, and says None: now nobody knows that B has it",
        )


def test_task3_no_clock_is_set(exercise: Exercise, lab: Lab) -> None:
    """Who waits does so by a clock that nobody sets."""
    with scene(lab) as at:
        take_now(exercise, at, HOUR)
        with time_machine.travel(now() - 1, tick=False):
            seconds = waited(exercise, at, 0.3)[1]
        at.require(
            holds=seconds < math.inf,
            message="A has the lock. While B waits for it, somebody sets the clock of B's machine "
            "back again and again: B waits for ever. time.monotonic() cannot be set",
        )


def test_task3_one_who_is_overtaken_goes_on(exercise: Exercise, lab: Lab) -> None:
    """Who finds the lock free, and is overtaken, waits for it again."""
    require_an_end(exercise, lab)

    def take() -> None:
        wait_for_it(exercise, lab.server, 0, 0.2)

    def check(end: End) -> None:
        assert end.results[0] is not None, (
            "Somebody is quicker than you, and has the lock for 0.2 s. Your patience is 1 s, and "
            "you give up"
        )

    explore(
        nothing,
        [
            lambda client: wait_for_it(exercise, client, 1.0),
            lambda _: step("another takes it for 0.2 s", take),
        ],
        check,
        lab=lab,
        names=["your client", "another client"],
    )


def test_task3_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies while it waits leaves nothing for ever."""
    require_an_end(exercise, lab)

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"Your client dies while it waits, and {', '.join(immortal)} has no expiry: whoever "
            "looks there waits for the dead"
        )

    explore(
        lambda server: wait_for_it(exercise, server, 0),
        [lambda client: wait_for_it(exercise, client, 0.1)],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


# Task 4 ----------------------------------------------------------------------------------


def take_for(exercise: Exercise, client: Any, seconds: float = LEASE) -> str:
    """Take the lock, which is free, and return the token."""
    token: str = wait_for_it(exercise, client, 0.5, seconds)
    return token


def test_task4_holds_it_longer(exercise: Exercise, lab: Lab) -> None:
    """The holder's lock ends so many seconds from now, to a part of one, and not before."""
    token = take_for(exercise, lab.client)
    for seconds in (30.0, 2.9):
        got = exercise.extend(lab.client, "report", token, seconds)
        assert got == True, f"the lock is held under this token: expected True, got {got!r}"  # noqa: E712 - 1 will do
        left = lease_left(lab, token)
        assert left is not None, "after extend() the lock has no expiry: it never ends"
        assert left <= seconds + 5, (
            f"extended to {seconds} s from now; it ends much later, as if it had not been extended"
        )
        assert seconds - 0.8 < left <= seconds, (
            f"extended to {seconds} s from now; it ends {'later' if left > seconds else 'sooner'}"
        )
    assert keys_with(lab, token), "the lock was extended, and its token is another"


def test_task4_no_clock_makes_the_end(exercise: Exercise, timed: Lab) -> None:
    """On a machine whose clock is ahead the lock ends no later."""
    with scene(timed) as at:
        token = take_for(exercise, at.clients[0])
        with clock_ahead(at.clients[0], HOUR):
            exercise.extend(at.clients[0], "report", token, LEASE)
        left = lease_left(timed, token) or HOUR
        at.require(
            holds=left <= LEASE,
            message="The clock of A's machine is an hour ahead. A extends its lock to 10 s from now; "
            "it ends an hour later",
        )


def test_task4_only_the_holder_extends_it(exercise: Exercise, lab: Lab) -> None:
    """Who does not hold the lock changes nothing."""
    with scene(lab) as at:
        a, b, _ = at.clients
        late = take_for(exercise, a)
        at.wait(LEASE + 1)
        mine = take_for(exercise, b)
        got = exercise.extend(a, "report", late, HOUR)
        at.require(
            holds=keys_with(lab, mine),
            message="A's lock ended, and B has it now. A extends its own, and has taken B's",
        )
        left = lease_left(lab, mine) or HOUR
        at.require(
            holds=left <= LEASE,
            message="A's lock ended, and B has it now. A extends its own, and B's is longer",
        )
        at.require(holds=not got, message=f"A's lock is B's now, and A's extend() returned {got!r}")


def test_task4_what_is_lost_stays_lost(exercise: Exercise, lab: Lab) -> None:
    """A lock that has ended is not taken again by extend()."""
    with scene(lab) as at:
        client = at.clients[0]
        late = take_for(exercise, client)
        at.wait(LEASE + 1)
        got = exercise.extend(client, "report", late, HOUR)
        at.require(
            holds=not keys_with(lab, late),
            message="A's lock ended a second ago. A extends it, and has it again: somebody may have "
            "had it in between, and A would not know",
        )
        at.require(
            holds=not got, message=f"A's lock ended a second ago, and A's extend() returned {got!r}"
        )


def test_task4_extends_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """A lock that has become another's stays as that one has it."""
    heir = Heir(lab, lambda server: take_for(exercise, server, 5))
    mine: list[str] = []

    def setup(server: Any) -> None:
        heir.tokens.clear()
        mine[:] = [take_for(exercise, server)]

    def check(_end: End) -> None:
        assert heir.still_holds(), (
            "Your lock ends between two of your commands, and another client takes it for 5 s. "
            "Then you extend it: to see whose it is and to extend it must be one step"
        )

    explore(
        setup,
        [lambda client: exercise.extend(client, "report", mine[0], HOUR), heir],
        check,
        lab=lab,
        outside=lambda: (heir.tokens, mine),
        names=["your client", "another client"],
    )


def test_task4_lets_it_go_at_no_moment(exercise: Exercise, lab: Lab) -> None:
    """While the lock is extended nobody else gets it, and its holder may do so twice at once."""
    mine, seen = list[str](), list[bool]()

    def setup(server: Any) -> None:
        mine[:] = [take_for(exercise, server)]
        seen.clear()

    def disturb() -> None:
        keys = keys_with(lab, mine[0])
        seen.append(bool(keys))
        for key in keys:
            lab.server.pexpire(key, 60_000)

    def check(end: End) -> None:
        assert seen == [True], (
            "You have the lock, and extend it. Between two of your commands it is free, and whoever "
            "asks then gets it"
        )
        assert end.results[0], (
            "Your lock is extended twice at the same moment, by two threads of yours. It is held "
            f"under your token; extend() should say so, and returned {end.results[0]!r}"
        )

    explore(
        setup,
        [
            lambda client: exercise.extend(client, "report", mine[0], LEASE),
            lambda _: step("others look, and you extend it", disturb),
        ],
        check,
        lab=lab,
        outside=lambda: (mine, seen),
        names=["your client", "the others"],
    )


def test_task4_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies anywhere while it extends does not keep the lock for ever."""
    mine: list[str] = []

    def setup(server: Any) -> None:
        mine[:] = [take_for(exercise, server)]

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"Your client dies between two commands, and {', '.join(immortal)} has no expiry: the "
            "lock never ends, and nobody gets it again"
        )

    explore(
        setup,
        [lambda client: exercise.extend(client, "report", mine[0], HOUR)],
        check,
        crashes=True,
        lab=lab,
        outside=lambda: mine,
        names=["your client"],
    )


# Task 5 ----------------------------------------------------------------------------------


BIG = 1_700_000_000_000_000  # as large as the microseconds since 1970


def fenced(exercise: Exercise, client: Any) -> Any:
    """Take the lock with a fence."""
    return exercise.acquire_fenced(client, "report", LEASE)


def test_task5_the_fence_rises(exercise: Exercise, lab: Lab) -> None:
    """Each acquisition has a higher fence, however long the one before is over."""
    fences, tokens = [], []
    for _ in range(4):
        taken = exercise.acquire_fenced(lab.client, "report", 2.9)
        assert taken is not None, "the lock is free, and acquire_fenced() returned None"
        token, fence = taken
        assert isinstance(fence, int), f"a fence is an int; got {fence!r}"
        tokens.append(token)
        assert not is_foretold(tokens), "the token can be guessed: draw it as in task 1"
        left = lease_left(lab, token)
        assert left is not None, "acquire_fenced() takes a lock without an expiry"
        assert 2.1 < left <= 2.9, (
            f"asked for 2.9 s; the lock ends {'later' if left > 2.9 else 'sooner'} than that"
        )
        second = fenced(exercise, lab.client)
        assert second is None, "the lock is taken, and a second acquire_fenced() gets it"
        fences.append(fence)
        lab.expire_now()
    assert fences == sorted(set(fences)), (
        f"four acquisitions, one after the other, each of which ran out: their fences are {fences}, "
        "and each should be over all before"
    )


def test_task5_it_is_the_same_lock(exercise: Exercise, lab: Lab) -> None:
    """The token frees the lock, and the next fence is higher."""
    fences = []
    for _ in range(2):
        taken = fenced(exercise, lab.client)
        assert taken is not None, "the lock was freed, and acquire_fenced() returned None"
        freed = exercise.release(lab.client, "report", taken[0])
        assert freed == True, f"release() with the token of acquire_fenced() gave {freed!r}"  # noqa: E712 - 1 will do
        fences.append(taken[1])
    assert fences[0] < fences[1], (
        f"two acquisitions, the first of which was freed: their fences are {fences}, and each "
        "should be over all before"
    )


def test_task5_no_clock_makes_the_fence(exercise: Exercise, timed: Lab) -> None:
    """A machine whose clock is ahead does not get a higher fence than those after it."""
    with scene(timed) as at:
        a, b, _ = at.clients
        with clock_ahead(a, HOUR):
            first = fenced(exercise, a)
        at.wait(LEASE + 1)
        second = fenced(exercise, b)
        at.require(
            holds=second[1] > first[1],
            message="A, whose clock is an hour ahead, takes the lock, which ends. Then B takes it, "
            "and its fence is the lower one: for an hour the resource takes nobody but A",
        )


def test_task5_the_holder_has_the_highest_fence(exercise: Exercise, lab: Lab) -> None:
    """Whoever has the lock has a higher fence than all who had it before."""

    def take(client: Any) -> Any:
        return fenced(exercise, client)

    def take_later(client: Any) -> Any:
        time.sleep(LEASE + 1)
        return fenced(exercise, client)

    def check(end: End) -> None:
        taken = [result for result in end.results if result is not None]
        holders = [fence for token, fence in taken if keys_with(lab, token)]
        highest = max(fence for _, fence in taken)
        assert holders in ([], [highest]), (
            f"One client's lock ends, and another takes it. The holder's fence is {holders[0]}, the "
            f"other's {highest}: have lock and fence in one step"
        )

    explore(
        nothing,
        [take, take_later],
        check,
        lab=lab,
    )


def test_task5_no_fence_comes_late(exercise: Exercise, lab: Lab) -> None:
    """A fence is not drawn before the lock is had."""

    def take(client: Any) -> Any:
        return fenced(exercise, client)

    def take_for_a_moment(client: Any) -> Any:
        taken = fenced(exercise, client)
        step("the lock ends", lambda: end_lock(lab))
        return taken

    def check(end: End) -> None:
        first, second = end.results
        if first is None or second is None or not keys_with(lab, first[0]):
            return
        assert first[1] > second[1], (
            "B takes the lock, which ends. Then A gets it, with a lower fence than B's: it had drawn "
            "that before, and the resource refuses it"
        )

    explore(nothing, [take, take_for_a_moment], check, lab=lab)


def test_task5_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies anywhere does not keep the lock for ever."""
    require_that_it_ends(lab, lambda client: fenced(exercise, client))


def test_task5_works_in_a_cluster(exercise: Exercise, lab: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    lab.forget()
    fenced(exercise, lab.client)
    keys = apart(lab)
    assert keys == "", (
        f"{keys} are used together, and in two slots: a cluster refuses that. Of a key with braces "
        "only what is in them decides, as in {report}:fence"
    )
    keys = undeclared(lab)
    assert keys == "", (
        f"{keys} is made up by the script: a cluster takes only keys that are passed to it"
    )


def test_task5_the_resource_takes_newer_fences_only(exercise: Exercise, lab: Lab) -> None:
    """A write with a higher fence than the last is taken, one with the same or a lower is not."""
    for fence, want, why in (
        (9, True, "nothing was written yet"),
        (10, True, "10 is over 9"),
        (9, False, "its holder's lock has ended: 10 has written already"),
        (10, False, "a fence is good for one write, and 10 has written"),
        (101, True, "101 is over 10"),
        (11, False, "101 has written already"),
        (BIG, True, "it is over 101"),
        (BIG + 1, True, f"it is over {BIG}"),
    ):
        text = "" if fence == 101 else f"by {fence}"
        before = lab.server.hgetall("balance")
        got = exercise.save(lab.client, "balance", fence, text)
        after = lab.server.hgetall("balance")
        expected = {"fence": str(fence), "text": text} if want else before
        assert after == expected, (
            f"a write with fence {fence}: {why}. The hash should be {expected}; it is {after}"
        )
        assert bool(got) == want, f"a write with fence {fence}: {why}; save() returned {got!r}"


def test_task5_the_resource_does_not_forget(exercise: Exercise, lab: Lab) -> None:
    """A fence that has written counts as long as there are machines that may wake up."""
    with scene(lab) as at:
        a, b, _ = at.clients
        exercise.save(a, "balance", 10, "new")
        at.wait(2 * YEAR)
        got = exercise.save(b, "balance", 9, "old")
        there = lab.server.hget("balance", "text")
        at.require(
            holds=there == "new" and not got,
            message="A writes with fence 10. Much later B comes with fence 9, and the resource, "
            f"which should hold 'new', holds {there!r}: with the key its fence is forgotten",
        )


def test_task5_the_resource_looks_and_writes_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """Of two writes at once the one with the higher fence stays."""

    def check(end: End) -> None:
        got = end.server.hgetall("balance")
        assert got == {"fence": "8", "text": "new"}, (
            f"Fence 7 and fence 8 write at the same moment. The hash should hold fence 8 and 'new'; "
            f"it holds {got}: to look at the fence and to write must be one step"
        )

    explore(
        nothing,
        [
            lambda client: exercise.save(client, "balance", 7, "old"),
            lambda client: exercise.save(client, "balance", 8, "new"),
        ],
        check,
        lab=lab,
    )


def test_task5_the_resource_is_whole_after_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies while it saves leaves no text without its fence."""

    def check(end: End) -> None:
        got = end.server.hgetall("balance")
        assert got in ({}, {"fence": "7", "text": "new"}), (
            f"Your client dies while it saves, and leaves half a write: {got}"
        )

    explore(
        nothing,
        [lambda client: exercise.save(client, "balance", 7, "new")],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


# Task 6 ----------------------------------------------------------------------------------


def put(exercise: Exercise, client: Any, compute: Callable[[], Any], key: str = "balance") -> Any:
    """Compute and save the balance, or what else is under the lock."""
    return exercise.compute_and_save(client, "report", key, LEASE, compute)


def stored(lab: Lab) -> tuple[str | None, int]:
    """Return the text and the fence that the resource holds."""
    return lab.server.hget("balance", "text"), int(lab.server.hget("balance", "fence") or 0)


def is_free_to_compute(exercise: Exercise, client: Any) -> bool:
    """Return whether somebody who comes now computes."""
    source = Source("somebody's")
    put(exercise, client, source)
    return source.loads == 1


def test_task6_computes_and_saves(exercise: Exercise, lab: Lab) -> None:
    """One after the other, each computes and saves, with a higher fence each time."""
    fences = [0]
    for text in ("one", "", "three"):
        source = Source(text)
        got = put(exercise, lab.client, source)
        assert source.loads == 1, (
            f"nobody has the lock: compute() should be called once; it was {source.loads} times"
        )
        saved, fence = stored(lab)
        assert saved == text, f"computed {text!r}; the hash holds {saved!r}"
        assert got == True, f"{text!r} was saved: expected True, got {got!r}"  # noqa: E712 - 1 will do
        assert fence > fences[-1], (
            f"the hash should hold a higher fence after each write; it held {fences[1:]} and then "
            f"{fence}: without one the resource cannot tell who is late"
        )
        fences.append(fence)


def test_task6_one_computes(exercise: Exercise, lab: Lab) -> None:
    """While one client computes, another does not."""
    with scene(lab) as at:
        a, b, _ = at.clients
        beside = Source("B's")
        first, began = Paused(lambda compute: put(exercise, a, compute)), now()
        got = put(exercise, b, beside, "another key")
        waits = now() > began
        first.finish("from A")
        at.require(holds=not waits, message="A has the lock, and B waits: it should return False")
        at.require(
            holds=beside.loads == 0, message="A has the lock and computes, and B computes beside it"
        )
        at.require(holds=not got, message=f"A had the lock, and B's call returned {got!r}")
        saved, _ = stored(lab)
        at.require(
            holds=saved == "from A",
            message=f"A computed 'from A', and the hash holds {saved!r}",
        )


def test_task6_a_failure_frees_the_lock(exercise: Exercise, lab: Lab) -> None:
    """If compute() raises, so does this; nothing is saved, and the lock is free at once."""
    kinds = (LookupError, KeyboardInterrupt, exercise.LockTakenError, exercise.LeaseLostError)
    for kind in kinds:
        lab.server.flushdb()
        told = error_of(lambda compute: put(exercise, lab.client, compute), kind)
        assert told == kind.__name__, (
            f"compute() fails with {kind.__name__}; what comes out of compute_and_save() is: {told}"
        )
        saved, _ = stored(lab)
        assert saved is None, f"compute() failed, and {saved!r} was saved"
        assert is_free_to_compute(exercise, lab.server), (
            f"compute() fails with {kind.__name__}, and the lock stays taken"
        )


def error_of(call: Callable[[Any], Any], kind: type[BaseException]) -> str:
    """Return the name of what comes out of a call that is given something that fails so, once."""
    calls = itertools.count(1)

    def fail() -> None:
        if next(calls) == 1:
            raise kind("it fails")

    try:
        call(fail)
    except (NotImplementedError, ExerciseError, TypeError, AttributeError):
        raise
    except BaseException as error:  # noqa: BLE001 - an error is what this is about
        return named(error)
    return "none"


def test_task6_who_comes_late_overwrites_nothing(exercise: Exercise, lab: Lab) -> None:
    """Who computed for too long overwrites nothing newer."""
    with scene(lab) as at:
        a, b, c = at.clients
        results = []
        first = Paused(lambda compute: results.append(put(exercise, a, compute)))
        at.wait(LEASE + 1)
        newer = Source("new")
        later = put(exercise, b, newer)
        at.require(
            holds=newer.loads == 1,
            message="A computes. Its lock of 10 s ended a second ago, and B does not get it",
        )
        third = Paused(lambda compute: put(exercise, c, compute))
        first.finish("old")
        at.require(
            holds=first.error is None,
            message="A came too late: its call should return False, and ends with "
            f"{named(first.error)}",
        )
        saved, _ = stored(lab)
        at.require(
            holds=saved == "new",
            message="A computes, and its lock ends. B takes it, and saves 'new'. Then A comes to "
            f"its end, and saves: the hash holds {saved!r}",
        )
        at.require(
            holds=bool(later),
            message=f"A's lock had ended, B saved 'new', and B's call returned {later!r}",
        )
        at.require(
            holds=results in ([False], [0]),
            message=f"A came too late, and nothing of it was saved; A's call returned {results}",
        )
        free = is_free_to_compute(exercise, b)
        third.finish("newest")
        at.require(
            holds=not free,
            message="A's lock ended; B took it and freed it, and now C has it. A comes to its end, "
            "and frees C's lock",
        )


def test_task6_says_what_the_resource_says(exercise: Exercise, lab: Lab) -> None:
    """Who computed for too long, and was not overtaken, is told whether it was saved."""
    with scene(lab) as at:
        results: list[Any] = []
        late = Paused(lambda compute: results.append(put(exercise, at.clients[0], compute)))
        at.wait(LEASE + 1)
        late.finish("late")
        saved, _ = stored(lab)
        at.require(
            holds=[bool(result) for result in results] == [saved == "late"],
            message="A computes, its lock ends, and nobody else comes. The hash holds "
            f"{saved!r}, and A's call {f'returns {results[0]!r}' if results else f'ends with {named(late.error)}'}",
        )


def test_task6_builds_on_what_is_there(exercise: Exercise, lab: Lab) -> None:
    """Who computes from what was saved before has the lock until its own is saved."""

    def number() -> str:
        return str(int(lab.server.hget("balance", "text") or 0) + 1)

    for turn in range(2, 7):
        with scene(lab) as at:
            a, b, _ = at.clients
            results = list[Any]()
            with other_comes(at, turn, partial(Reader, exercise, b, number, results)):
                results.append(put(exercise, a, number))
            saved = sum(map(bool, results))
            text, _ = stored(lab)
            at.require(
                holds=text == str(saved),
                message="A and B read a number under the lock, and save the next. It was saved "
                f"{saved} times, and is {text}: the lock was free before the first was saved",
            )
        lab.server.flushdb()


class Reader(Paused):
    """Somebody who takes the lock, if it is free, and has read the number, but not saved the next."""

    def __init__(
        self, exercise: Exercise, client: Any, number: Callable[[], str], results: list[Any]
    ) -> None:
        self.next = ""

        def call(stop: Callable[[], Any]) -> None:
            def compute() -> Any:
                self.next = number()
                return stop()

            results.append(put(exercise, client, compute))

        super().__init__(call)


@contextmanager
def other_comes(at: Scene, turn: int, come: Callable[[], Reader]) -> Iterator[None]:
    """Let somebody come before A's command of that turn, if there is one, and end after A's last."""
    recorder, turns, others = at.lab.recorder, itertools.count(1), list[Reader]()
    bound = recorder.before

    def before(client: str, commands: list[tuple[str, ...]]) -> None:
        if bound is not None:
            bound(client, commands)
        if client == "client A" and next(turns) == turn:
            others.append(come())

    recorder.before = before
    try:
        yield
    finally:
        recorder.before = bound
    for other in others:
        if other.is_loading:
            other.finish(other.next)


def test_task6_at_no_moment(exercise: Exercise, lab: Lab) -> None:
    """Whenever the lock ends, the older holder does not overwrite the newer."""
    seen: list[int] = []
    computed: list[int] = []

    def compute() -> str:
        computed.append(1)
        return "old"

    def compute_quietly(client: Any) -> None:
        with suppress(exercise.LeaseLostError):  # a test above asks for that
            put(exercise, client, lambda: step("compute", compute))

    def setup(_: Any) -> None:
        seen.clear()
        computed.clear()

    def next_one() -> None:
        end_lock(lab)
        put(exercise, lab.server, lambda: "new")
        seen.append(stored(lab)[1])

    def check(_end: End) -> None:
        text, fence = stored(lab)
        assert fence >= max(seen), (
            f"The fence was {seen[0]}, and is {fence} now, with the text {text!r}: your lock ended "
            "after your last look at it. Only the resource can tell"
        )
        assert len(computed) <= 1, (
            "Your lock ends, another saves, and you are refused. Then you take the lock and compute "
            "once more: return False"
        )

    explore(
        setup,
        [
            compute_quietly,
            lambda _: step("its lock ends, another saves", next_one),
        ],
        check,
        lab=lab,
        outside=lambda: (seen, computed),
        names=["your client", "another client"],
    )


# Task 7 ----------------------------------------------------------------------------------


def run(exercise: Exercise, client: Any, job: Callable[[], Any]) -> Any:
    """Run the job of a name."""
    return exercise.run_job(client, "backup", job)


def test_task7_runs_a_job(exercise: Exercise, lab: Lab) -> None:
    """A job is run, and may be run again after that."""
    job = Source(None)
    got = [run(exercise, lab.client, job) for _ in range(2)]
    assert (got, job.loads) == ([True, True], 2), (
        f"two runs, one after the other: expected True, True; got {got}, and {job.loads} runs"
    )
    left = list(lab.server.scan_iter())
    assert left == [], f"no job runs, and {', '.join(left)} is still there"


def test_task7_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A machine that dies anywhere does not keep the job for ever."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"A machine dies between two commands, and {', '.join(immortal)} has no expiry: the job "
            "is never run again"
        )

    explore(
        nothing,
        [lambda client: run(exercise, client, nothing)],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


def test_task7_one_runs(exercise: Exercise, lab: Lab) -> None:
    """While a machine runs the job, for up to 30 s, no other does."""
    with scene(lab) as at:
        a, b, _ = at.clients
        first, beside = Paused(lambda job: run(exercise, a, job)), Source(None)
        for passed, why in (
            (0.0, "A moment later B runs it, too"),
            (0.0, "B is refused, and comes once more: now B runs it, too. Did it free A's lock?"),
            (9.0, "After 9 s B runs it, too: the lock is shorter than the work"),
            (20.0, "After 29 s B runs it, too: the lock is shorter than the work"),
        ):
            at.wait(passed)
            began = now()
            got = run(exercise, b, beside)
            at.require(
                holds=now() == began, message="A runs the job, and B waits: it should return False"
            )
            at.require(
                holds=beside.loads == 0 and not got,
                message=f"A runs the job, which takes 30 s at most. {why}",
            )
        first.finish(None)


def test_task7_a_failed_job_is_free_at_once(exercise: Exercise, lab: Lab) -> None:
    """A job that fails raises, and may be run again at once."""
    for kind in (LookupError, KeyboardInterrupt, exercise.LockTakenError, exercise.LeaseLostError):
        lab.server.flushdb()
        told = error_of(lambda job: run(exercise, lab.client, job), kind)
        assert told == kind.__name__, (
            f"the job fails with {kind.__name__}; what comes out of run_job() is: {told}"
        )
        again = Source(None)
        run(exercise, lab.client, again)
        assert again.loads == 1, (
            f"the job fails with {kind.__name__}, and cannot be run again: its lock was not freed"
        )


def test_task7_frees_no_other_lock(exercise: Exercise, lab: Lab) -> None:
    """A machine that slept for an hour frees nobody else's lock."""
    with scene(lab) as at:
        a, b, c = at.clients
        results: list[Any] = []
        first = Paused(lambda job: results.append(run(exercise, a, job)))
        at.wait(HOUR)
        second, beside = Paused(lambda job: run(exercise, b, job)), Source(None)
        at.require(
            holds=second.is_loading,
            message="A fell asleep while it ran the job. An hour later B still cannot run it",
        )
        first.finish(None)
        run(exercise, c, beside)
        second.finish(None)
        at.require(
            holds=beside.loads == 0,
            message="A fell asleep while it ran the job; its lock ended, and B runs it now. A wakes "
            "up and frees B's lock: C runs it beside B",
        )
        at.require(
            holds=results in ([True], [1]),
            message="A has run the job, though for longer than its lock: run_job() should return "
            f"True, and {f'returned {results[0]!r}' if results else f'ends with {named(first.error)}'}",
        )


def test_task7_frees_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """A lock that has become another's while it is freed stays so."""
    taken: list[str] = []

    def run_quietly(client: Any) -> None:
        with suppress(exercise.LeaseLostError):  # the test above asks for that
            run(exercise, client, nothing)

    def take() -> None:
        for key in lab.server.scan_iter():
            if lab.server.type(key) == "string" and lab.server.pttl(key) > 0:
                lab.server.set(key, "another's", ex=60)
                taken.append(key)

    def check(end: End) -> None:
        lost = [key for key in taken if end.server.get(key) != "another's"]
        assert lost == [], (
            "Your lock ends between two of your commands, and another client takes it. Then you "
            "delete it: to see whose it is and to delete it must be one step"
        )

    explore(
        lambda _: taken.clear(),
        [
            run_quietly,
            lambda _: step("the lock ends, and is another's", take),
        ],
        check,
        lab=lab,
        outside=lambda: taken,
        names=["your client", "another client"],
    )


# Task 8 ----------------------------------------------------------------------------------


def test_task8_one_worker_has_it(exercise: Exercise, lab: Lab) -> None:
    """An order is the first worker's, who may ask again, and nobody else's."""
    for worker in ("ada", "bo", "ada", "bo", "ad", "adam", "Ada"):
        got, want = exercise.claim(lab.client, "17", worker), worker == "ada"
        assert bool(got) == want, f"ada asked first; claim() told {worker} {got!r}, not {want}"
    other = exercise.claim(lab.client, "18", "bo")
    assert other == True, f"nobody has order 18: expected True, got {other!r}"  # noqa: E712 - 1 will do


def test_task8_a_claim_ends(exercise: Exercise, lab: Lab) -> None:
    """A claim ends after five minutes, and not later if its worker asks again."""
    with scene(lab) as at:
        a, b, _ = at.clients
        exercise.claim(a, "17", "ada")
        at.wait(200)
        exercise.claim(a, "17", "ada")
        exercise.claim(b, "17", "bo")
        at.wait(99)
        early = exercise.claim(b, "17", "bo")
        at.require(holds=not early, message="ada has the order for 300 s; after 299 s bo gets it")
        at.wait(2)
        late = exercise.claim(b, "17", "bo")
        at.require(
            holds=late,
            message="ada claimed the order for 300 s, and asked again after 200 s. After 301 s bo "
            "does not get it",
        )


def test_task8_two_at_once(exercise: Exercise, lab: Lab) -> None:
    """Of two workers at the same moment one gets the order."""

    def check(end: End) -> None:
        winners = sum(bool(result) for result in end.results)
        assert winners == 1, (
            f"ada and bo claim an order at the same moment, and {winners} of them are told True"
        )

    explore(
        nothing,
        [
            lambda client: exercise.claim(client, "17", "ada"),
            lambda client: exercise.claim(client, "17", "bo"),
        ],
        check,
        lab=lab,
    )


def test_task8_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A worker that dies anywhere does not have the order for ever."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"ada dies between two commands, and {', '.join(immortal)} has no expiry: the order is "
            "hers for ever"
        )

    explore(
        nothing,
        [lambda client: exercise.claim(client, "17", "ada")],
        check,
        crashes=True,
        lab=lab,
        names=["ada's client"],
    )


def test_task8_takes_no_claim_over(exercise: Exercise, lab: Lab) -> None:
    """A claim that has become another's stays that one's."""
    taken: list[object] = []

    def take() -> None:
        lab.expire_now()
        taken.append(bool(exercise.claim(lab.server, "17", "bo")))

    def check(end: End) -> None:
        still = exercise.claim(end.server, "17", "bo")
        assert still or taken == [False], (
            "ada's claim ends while she asks again, and bo gets the order. Then it is ada's"
        )

    explore(
        lambda server: (taken.clear(), exercise.claim(server, "17", "ada")),
        [
            lambda client: exercise.claim(client, "17", "ada"),
            lambda _: step("ada's claim ends, and bo has the order", take),
        ],
        check,
        lab=lab,
        outside=lambda: taken,
        names=["ada's client", "bo"],
    )


def test_task8_true_is_a_claim(exercise: Exercise, lab: Lab) -> None:
    """Who is told True has the order, also if another's claim ends at that moment."""

    def check(end: End) -> None:
        others = exercise.claim(end.server, "17", "bo")
        assert not (end.results[0] and others), (
            "cy's claim ends while ada asks: ada is told True, and has claimed nothing. bo gets the "
            "order, too"
        )

    explore(
        lambda server: exercise.claim(server, "17", "cy"),
        [
            lambda client: exercise.claim(client, "17", "ada"),
            lambda _: step("cy's claim ends", lab.expire_now),
        ],
        check,
        lab=lab,
        names=["ada's client", "cy"],
    )
