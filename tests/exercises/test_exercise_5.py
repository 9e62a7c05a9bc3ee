"""What exercise 5 asks. Each test's docstring is its claim; each message speaks to the learner."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from tests.support.caching import Source
from tests.support.limiting import apart, clock_ahead, undeclared
from tests.support.scenes import Paused, Scene, nothing, now, scene

from workshop.exercise import Exercise, ExerciseError
from workshop.interleave import explore, step
from workshop.lab import Lab, TooManyTripsError
from workshop.schedule import End

LEASE, HOUR = 10.0, 3600.0  # seconds
MOST_TRIES = 150  # of somebody who waits for some seconds
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
        step("the lock ends, and is another's", self._take)

    def still_holds(self) -> bool:
        """Return whether the lock that was taken, if it was, is still theirs, and for no longer."""
        lefts = [lease_left(self.lab, token) for token in self.tokens]
        return all(left is not None and left <= 5 for left in lefts)

    def _take(self) -> None:
        self.lab.expire_now()
        token = self.take(self.lab.server)
        self.tokens += [token] if token is not None else []


def keys_with(lab: Lab, token: str) -> list[str]:
    """Return the keys that hold a token; other keys may live for longer than the lock."""
    readers = {"string": lab.server.get, "hash": lab.server.hgetall}
    keys = list(lab.server.scan_iter())
    return [key for key in keys if token in str(readers.get(lab.server.type(key), str)(key))]


def lease_left(lab: Lab, token: str) -> float | None:
    """Return the seconds until the lock under this token ends, None if never or if there is none."""
    left = [lab.server.pttl(key) / 1000 for key in keys_with(lab, token)]
    return min(left) if left and min(left) >= 0 else None


def end_lock(lab: Lab) -> None:
    """Let the lock end now; what lives for longer stays."""
    for key in list(lab.server.scan_iter()):
        if 0 <= lab.server.pttl(key) <= LEASE * 1000:
            lab.server.delete(key)


# Task 1 ----------------------------------------------------------------------------------


def test_task1_takes_and_frees(exercise: Exercise, lab: Lab) -> None:
    """Who takes the lock has it until it is freed; each name is a lock of its own."""
    token = exercise.acquire(lab.client, "report", LEASE)
    assert isinstance(token, str), f"the lock is free: expected a token (str), got {token!r}"
    second = exercise.acquire(lab.client, "report", LEASE)
    assert second is None, "the lock is taken, and a second acquire() gets it: expected None"
    other = exercise.acquire(lab.client, "invoice", LEASE)
    assert other is not None, "`invoice` is another lock than `report`, and was free"
    freed = exercise.release(lab.client, "report", token)
    assert freed == True, f"the lock was held under this token: expected True, got {freed!r}"  # noqa: E712 - 1 will do
    again = exercise.acquire(lab.client, "report", LEASE)
    assert again is not None, "the lock was freed, and cannot be taken"


def test_task1_ends_by_itself(exercise: Exercise, lab: Lab) -> None:
    """A lock ends after its seconds, to a part of one."""
    for seconds in (30.0, 2.9):
        lab.server.flushdb()
        left = lease_left(lab, exercise.acquire(lab.client, "report", seconds))
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
        exercise.acquire(b, "report", HOUR)
        left = lease_left(lab, mine)
        at.require(
            holds=left is not None and left <= LEASE,
            message="A has the lock for 10 s. B wants it for an hour, and does not get it; but A's "
            "lock lasts longer now, or is gone",
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
            error = run_block(exercise, a, block)
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
    for kind in (BlockError, KeyboardInterrupt, SystemExit):
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


def take_now(exercise: Exercise, at: Scene, seconds: float) -> None:
    """Let A take the lock, which is free."""
    exercise.acquire_within(at.clients[0], "report", seconds, 0.5)


def waited(exercise: Exercise, at: Scene, patience: float) -> tuple[Any, float]:
    """Return what B's acquire_within gives, and after how long; inf if it has no end."""
    began, recorder = now(), at.lab.recorder
    bound, most = recorder.before, recorder.trips + MOST_TRIES

    def stop(client: str, commands: list[tuple[str, ...]]) -> None:
        if bound is not None:
            bound(client, commands)
        if recorder.trips > most:
            raise TooManyTripsError(f"it has tried {MOST_TRIES} times")

    recorder.before = stop
    try:
        token = exercise.acquire_within(at.clients[1], "report", LEASE, patience)
    except (TooManyTripsError, RecursionError):
        at.require(
            holds=now() > began,
            message=f"A has the lock. B tries {MOST_TRIES} times and does not sleep in between: with "
            "a hundred waiters the server does nothing else",
        )
        return None, math.inf
    finally:
        recorder.before = bound
    return token, now() - began


def require_an_end(exercise: Exercise, lab: Lab) -> None:
    """Fail if a waiter waits for ever: every other test would, too."""
    with scene(lab, most=10) as at:
        take_now(exercise, at, HOUR)
        token, seconds = waited(exercise, at, 2.0)
        at.require(
            holds=seconds < math.inf,
            message="A has the lock, and keeps it. B's patience is 2 s, and B tries and tries, and "
            "comes to no end",
        )
        at.require(holds=token is None, message="A has the lock for an hour, and B gets it, too")
        at.require(
            holds=seconds <= 2.25,
            message=f"A has the lock. B's patience is 2 s, and B waits for {seconds:.1f} s",
        )
        at.require(
            holds=seconds >= 1.85,
            message=f"A has the lock. B's patience is 2 s, and B gives up after {seconds:.1f} s",
        )
    lab.server.flushdb()


def test_task3_waits_a_bounded_time(exercise: Exercise, lab: Lab) -> None:
    """Who does not get the lock gives up when its patience is over."""
    require_an_end(exercise, lab)


def test_task3_takes_a_free_lock_at_once(exercise: Exercise, lab: Lab) -> None:
    """A free lock is taken at once, also without any patience; it ends after its seconds."""
    require_an_end(exercise, lab)
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
    """A lock that ends is soon taken by who waits, for all its seconds."""
    require_an_end(exercise, lab)
    with scene(lab) as at:
        take_now(exercise, at, 5.0)
        token, seconds = waited(exercise, at, 20.0)
        at.require(
            holds=token is not None and seconds <= 5.25,
            message="A's lock ends after 5 s. B, who waits for it with a patience of 20 s, "
            f"{'gets it' if token else 'gives up'} after {seconds:.1f} s: look every PAUSE",
        )
        left = lease_left(lab, token) or 0
        at.require(
            holds=LEASE - 1 < left <= LEASE,
            message=f"B got the lock for {LEASE:.0f} s, and has it for about {left:.0f} s",
        )


def test_task3_does_not_ask_too_often(exercise: Exercise, lab: Lab) -> None:
    """Who waits asks about once each PAUSE."""
    require_an_end(exercise, lab)
    with scene(lab) as at:
        take_now(exercise, at, HOUR)
        lab.forget()
        waited(exercise, at, 5.0)
        trips = lab.recorder.trips
        at.require(
            holds=trips <= 110,
            message=f"B waits for 5 s, and asks {trips} times: with a hundred waiters the server "
            "does nothing else",
        )


def test_task3_measures_the_time(exercise: Exercise, lab: Lab) -> None:
    """Patience is time, however slow the server is."""
    require_an_end(exercise, lab)
    with scene(lab) as at:
        take_now(exercise, at, HOUR)
        bound = lab.recorder.before

        def be_slow(client: str, commands: list[tuple[str, ...]]) -> None:
            if bound is not None:
                bound(client, commands)
            at.wait(0.5)

        lab.recorder.before = be_slow
        _, seconds = waited(exercise, at, 2.0)
        lab.recorder.before = bound
        at.require(
            holds=seconds <= 3.3,
            message="A has the lock. Each answer takes 0.5 s, B's patience is 2 s, and B gives up "
            f"after {seconds:.1f} s: tries are no measure of time",
        )


# Task 4 ----------------------------------------------------------------------------------


def take_for(exercise: Exercise, client: Any, seconds: float = LEASE) -> str:
    """Take the lock, which is free, and return the token."""
    token: str = exercise.acquire_within(client, "report", seconds, 0.5)
    return token


def test_task4_holds_it_longer(exercise: Exercise, lab: Lab) -> None:
    """The holder's lock ends so many seconds from now, to a part of one, and not before."""
    token = take_for(exercise, lab.client)
    for seconds in (30.0, 2.9):
        got = exercise.extend(lab.client, "report", token, seconds)
        assert got == True, f"the lock is held under this token: expected True, got {got!r}"  # noqa: E712 - 1 will do
        left = lease_left(lab, token)
        assert left is not None, "after extend() the lock has no expiry: it never ends"
        assert seconds - 0.8 < left <= seconds, (
            f"extended to {seconds} s from now; it ends {'later' if left > seconds else 'sooner'}"
        )
    assert keys_with(lab, token), "the lock was extended, and its token is another"


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


@pytest.fixture
def timed(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock follows the tests'; nothing can move a live one's."""
    lab = labs("fakeredis")
    yield lab
    lab.close()


def fenced(exercise: Exercise, client: Any) -> Any:
    """Take the lock with a fence."""
    return exercise.acquire_fenced(client, "report", LEASE)


def test_task5_the_fence_rises(exercise: Exercise, lab: Lab) -> None:
    """Each acquisition has a higher fence, however long the one before is over."""
    fences = []
    for _ in range(4):
        taken = fenced(exercise, lab.client)
        assert taken is not None, "the lock is free, and acquire_fenced() returned None"
        token, fence = taken
        assert isinstance(fence, int), f"a fence is an int; got {fence!r}"
        left = lease_left(lab, token)
        assert left is not None, "acquire_fenced() takes a lock without an expiry"
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
    keys = apart(lab) or undeclared(lab)
    assert keys == "", (
        f"{keys}: used together, and in two slots, or made up by the script: a cluster refuses "
        "that. Of a key with braces only what is in them decides, as in {report}:fence"
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
    ):
        before = lab.server.hgetall("balance")
        got = exercise.save(lab.client, "balance", fence, f"by {fence}")
        after = lab.server.hgetall("balance")
        expected = {"fence": str(fence), "text": f"by {fence}"} if want else before
        assert after == expected, (
            f"a write with fence {fence}: {why}. The hash should be {expected}; it is {after}"
        )
        assert bool(got) == want, f"a write with fence {fence}: {why}; save() returned {got!r}"


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


def put(exercise: Exercise, client: Any, compute: Callable[[], Any]) -> Any:
    """Compute and save the balance."""
    return exercise.compute_and_save(client, "report", "balance", LEASE, compute)


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
    for text in ("one", "two", "three"):
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
        first = Paused(lambda compute: put(exercise, a, compute))
        got = put(exercise, b, beside)
        first.finish("from A")
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
    told = False
    try:
        put(exercise, lab.client, Source(LookupError("no data")))
    except LookupError:
        told = True
    assert told, "compute() failed, and compute_and_save() kept it to itself"
    saved, _ = stored(lab)
    assert saved is None, f"compute() failed, and {saved!r} was saved"
    assert is_free_to_compute(exercise, lab.server), "compute() failed, and the lock stays taken"


def test_task6_who_comes_late_overwrites_nothing(exercise: Exercise, lab: Lab) -> None:
    """Who computed for too long overwrites nothing newer."""
    with scene(lab) as at:
        a, b, c = at.clients
        results = []
        first = Paused(lambda compute: results.append(put(exercise, a, compute)))
        at.wait(LEASE + 1)
        later = put(exercise, b, Source("new"))
        third = Paused(lambda compute: put(exercise, c, compute))
        first.finish("old")
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


def test_task6_at_no_moment(exercise: Exercise, lab: Lab) -> None:
    """Whenever the lock ends, the older holder does not overwrite the newer."""
    seen: list[int] = []

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

    explore(
        lambda _: seen.clear(),
        [
            lambda client: put(exercise, client, lambda: step("compute", lambda: "old")),
            lambda _: step("its lock ends, another saves", next_one),
        ],
        check,
        lab=lab,
        outside=lambda: seen,
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


def test_task7_one_runs(exercise: Exercise, lab: Lab) -> None:
    """While a machine runs the job, for up to 30 s, no other does."""
    with scene(lab) as at:
        a, b, _ = at.clients
        first, beside = Paused(lambda job: run(exercise, a, job)), Source(None)
        for passed in (0, 9, 20):
            at.wait(passed)
            got = run(exercise, b, beside)
            at.require(
                holds=beside.loads == 0 and not got,
                message="A runs the job, which takes 30 s at most. After "
                f"{'a moment' if passed == 0 else f'{passed if passed == 9 else 29} s'} B runs it, "
                "too: the lock is shorter than the work",
            )
        first.finish(None)


def test_task7_a_failed_job_is_free_at_once(exercise: Exercise, lab: Lab) -> None:
    """A job that fails raises, and may be run again at once."""
    told = False
    try:
        run(exercise, lab.client, Source(LookupError("no disk")))
    except LookupError:
        told = True
    assert told, "the job failed, and run_job() kept it to itself"
    again = Source(None)
    run(exercise, lab.client, again)
    assert again.loads == 1, "the job failed, and cannot be run again: its lock was not freed"


def test_task7_frees_no_other_lock(exercise: Exercise, lab: Lab) -> None:
    """A machine that slept for an hour frees nobody else's lock."""
    with scene(lab) as at:
        a, b, c = at.clients
        first = Paused(lambda job: run(exercise, a, job))
        at.wait(HOUR)
        second, beside = Paused(lambda job: run(exercise, b, job)), Source(None)
        first.finish(None)
        run(exercise, c, beside)
        second.finish(None)
        at.require(
            holds=beside.loads == 0,
            message="A fell asleep while it ran the job; its lock ended, and B runs it now. A wakes "
            "up and frees B's lock: C runs it beside B",
        )


def test_task7_frees_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """A lock that has become another's while it is freed stays so."""
    taken: list[str] = []

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
            lambda client: run(exercise, client, lambda: None),
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
    for worker, want in (("ada", True), ("bo", False), ("ada", True), ("bo", False)):
        got = exercise.claim(lab.client, "17", worker)
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
