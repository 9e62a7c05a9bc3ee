"""What is answered when the answer cannot be had."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from valkey_redis import (
    CircuitOpenError,
    InvalidArgumentError,
    ServerUnavailableError,
    fallback,
)
from workshop.clock import virtual_time


class Source:
    """A function that fails while `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.value: Any = "new"

    def __call__(self, *key: object) -> Any:
        """Return the value and the key, or fail."""
        if self.error is not None:
            raise self.error
        return self.value, *key


@pytest.fixture(params=["sync", "async"])
def answer(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return what decorates a source, in either face, and is called as a function."""

    def make(source: Source, **settings: Any) -> Any:
        decorate = fallback(**settings)
        if request.param == "sync":

            @decorate
            def call(*key: object) -> Any:
                return source(*key)

            return call

        @decorate
        async def acall(*key: object) -> Any:
            return source(*key)

        return lambda *key: asyncio.run(acall(*key))

    return make


AWAY = ServerUnavailableError("away")


def test_the_last_good_value_serves_until_it_is_too_old(answer: Callable[..., Any]) -> None:
    """For the same arguments only, up to so many seconds from when it was returned."""
    source = Source()
    asked = answer(source, stale=60)
    with virtual_time() as clock:
        assert asked(1) == ("new", 1)
        source.error = CircuitOpenError("open", 1.0)
        clock.advance(60)
        assert asked(1) == ("new", 1)
        with pytest.raises(CircuitOpenError):
            asked(2)
        clock.advance(1)
        with pytest.raises(CircuitOpenError):
            asked(1)
        source.error = None
        source.value = None
        assert asked(1) == (None, 1)


def test_the_ways_are_tried_in_order(answer: Callable[..., Any]) -> None:
    """Stale, then the loader with the same arguments, then the default."""
    source = Source()
    asked = answer(source, stale=60, loader=lambda *key: ("loaded", *key), default="default")
    assert asked(1) == ("new", 1)
    source.error = AWAY
    assert asked(1) == ("new", 1)
    assert asked(2) == ("loaded", 2)
    assert answer(source, default=None)(1) is None
    source.error, source.value = None, None
    plain = answer(lambda *_: source(1)[0], stale=60, default="default")
    assert plain(1) is None
    source.error = AWAY
    assert plain(1) is None  # what it last said, although that was None


async def test_a_coroutine_function_may_load() -> None:
    """The fallback of a coroutine function may be one, too."""

    async def load(key: int) -> str:
        return f"loaded {key}"

    @fallback(loader=load)
    async def ask(_: int) -> str:
        raise AWAY

    assert await ask(3) == "loaded 3"


def test_other_errors_are_not_answered(answer: Callable[..., Any]) -> None:
    """A mistake stays one; what the loader raises is the caller's."""
    source = Source()
    source.error = KeyError("k")
    with pytest.raises(KeyError):
        answer(source, default=1)(1)
    source.error = AWAY
    with pytest.raises(ZeroDivisionError):
        answer(source, loader=lambda _: 1 / 0)(1)
    source.error = KeyError("k")
    assert answer(source, default=1, on=(KeyError,))(1) == 1


def test_so_many_values_are_kept(answer: Callable[..., Any]) -> None:
    """Those used last: memory does not grow with the arguments."""
    source = Source()
    asked = answer(source, stale=60, default="gone", size=2)
    for key in (1, 2, 1, 3):
        asked(key)
    source.error = AWAY
    assert [asked(key) for key in (1, 2, 3)] == [("new", 1), "gone", ("new", 3)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "fallback: takes stale=, loader= or default="),
        ({"stale": 0}, "stale=0: takes seconds, more than 0"),
    ],
)
def test_nothing_to_fall_back_on_is_refused(settings: dict[str, Any], message: str) -> None:
    """One line: what was given, what is taken."""
    with pytest.raises(InvalidArgumentError) as caught:
        fallback(**settings)
    assert str(caught.value) == message
