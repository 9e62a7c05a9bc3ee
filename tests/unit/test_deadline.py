"""Deadlines that nested calls inherit, and retries that end with them."""

import asyncio
import threading
from typing import Any

import pytest

from valkey_redis import (
    DeadlineExceededError,
    InvalidArgumentError,
    ServerTimeoutError,
    ServerUnavailableError,
    deadline,
    remaining,
    retry,
)
from valkey_redis.deadline import check, shorter, unbounded, within
from valkey_redis.retrying import Hurried
from workshop.clock import virtual_time

FACES = ("sync", "async")


def test_nested_deadlines_only_shrink() -> None:
    """An inner one may take less than is left, never more; after it the outer one goes on."""
    with virtual_time() as clock:
        assert remaining() is None
        with deadline(10):
            clock.advance(4)
            assert remaining() == pytest.approx(6)
            with deadline(1):
                assert remaining() == pytest.approx(1)
                with deadline(100):
                    assert remaining() == pytest.approx(1)
            with deadline(100):
                assert remaining() == pytest.approx(6)
            clock.advance(7)
            assert remaining() == 0.0
            with pytest.raises(DeadlineExceededError):
                check()
        assert remaining() is None
        check()


def test_what_is_begun_for_others_has_all_the_time() -> None:
    """The shorter of a wait and what is left; unbounded() takes the deadline away."""
    with virtual_time(), deadline(5):
        assert [shorter(2), shorter(9), shorter(None)] == pytest.approx([2, 5, 5])
        with unbounded():
            assert [remaining(), shorter(None)] == [None, None]
        assert remaining() == pytest.approx(5)
    assert [shorter(2), shorter(None)] == [2, None]


async def test_tasks_inherit_and_threads_of_ones_own_do_not() -> None:
    """A task, and asyncio.to_thread, have what their beginner has."""
    seen: list[float | None] = []
    with deadline(60):
        await asyncio.create_task(asyncio.sleep(0))
        task = asyncio.create_task(_remaining())
        seen.append(await asyncio.to_thread(remaining))
        thread = threading.Thread(target=lambda: seen.append(remaining()))
        thread.start()
        thread.join()
    assert [one is None for one in [await task, *seen]] == [False, False, True]


async def _remaining() -> float | None:
    return remaining()


async def test_work_is_cancelled_when_no_time_is_left() -> None:
    """DeadlineExceededError for ours; another timeout stays what it is."""
    with deadline(0.01), pytest.raises(DeadlineExceededError):
        await within(asyncio.sleep(30))
    with deadline(30):
        assert await within(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(TimeoutError) as caught:
            await within(asyncio.wait_for(asyncio.sleep(30), 0.01))
        assert not isinstance(caught.value, DeadlineExceededError)


@pytest.mark.parametrize("seconds", [-1, float("nan"), True, "1"])
def test_a_bad_deadline_is_refused(seconds: Any) -> None:
    """One line: what was given, what is taken."""
    with pytest.raises(InvalidArgumentError, match=r"^seconds=.*: takes a number, 0 or more$"):
        deadline(seconds).__enter__()


def test_a_deadline_of_nothing_is_over() -> None:
    """Zero is a deadline, not the absence of one."""
    with deadline(0):
        assert remaining() == 0.0


# Retries -------------------------------------------------------------------------------------


class Failing:
    """A function that fails so many times, and counts its calls."""

    def __init__(self, times: int, error: Exception) -> None:
        self.calls, self._times, self._error = 0, times, error

    def __call__(self, value: str) -> str:
        """Fail, or return the value."""
        self.calls += 1
        if self.calls <= self._times:
            raise self._error
        return value


def _retried(face: str, function: Failing, **settings: Any) -> Any:
    decorate = retry(base=1e-6, cap=1e-6, **settings)
    if face == "sync":

        @decorate
        def call(value: str) -> str:
            return function(value)

        return call

    @decorate
    async def acall(value: str) -> str:
        return function(value)

    return lambda value: asyncio.run(acall(value))


@pytest.mark.parametrize("face", FACES)
def test_what_fails_is_repeated_so_often(face: str) -> None:
    """Three times more, and no more; the last error is the caller's."""
    function = Failing(3, ServerTimeoutError("slow"))
    assert _retried(face, function, attempts=3)("v") == "v"
    assert function.calls == 4
    function = Failing(9, ServerTimeoutError("slow"))
    with pytest.raises(ServerTimeoutError, match="slow"):
        _retried(face, function, attempts=3)("v")
    assert function.calls == 4


@pytest.mark.parametrize("face", FACES)
def test_a_mistake_is_not_repeated(face: str) -> None:
    """Only what `on` names; by default what a server that is away raises."""
    function = Failing(1, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        _retried(face, function)("v")
    assert function.calls == 1
    function = Failing(1, ZeroDivisionError())
    assert _retried(face, function, on=(ZeroDivisionError,))("v") == "v"


@pytest.mark.parametrize("face", FACES)
def test_no_retry_after_the_deadline(face: str) -> None:
    """When no time is left, the error is the caller's at once."""
    function = Failing(3, ServerUnavailableError("away"))
    with deadline(0), pytest.raises(ServerUnavailableError, match="away"):
        _retried(face, function)("v")
    assert function.calls == 1


def test_no_pause_goes_beyond_the_deadline() -> None:
    """The driver's pause, or what is left, whichever is less."""

    class Minute:
        def compute(self, failures: int) -> float:
            return 60.0 * failures

        def reset(self) -> None:
            """Begin anew."""

    backoff = Hurried(Minute())
    backoff.reset()
    with virtual_time():
        assert backoff.compute(2) == 120.0
        with deadline(5):
            assert backoff.compute(2) == pytest.approx(5)
        with deadline(0):
            assert backoff.compute(2) == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attempts": 0}, "attempts=0: takes 1 or more"),
        ({"base": 0}, "base=0: takes seconds, more than 0, a day at most"),
        ({"cap": -1}, "cap=-1: takes seconds, more than 0, a day at most"),
    ],
)
def test_a_bad_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    """One line: what was given, what is taken."""
    with pytest.raises(InvalidArgumentError) as caught:
        retry(**settings)
    assert str(caught.value) == message
