"""Virtual time: sleeping takes none, and the clock stands still until somebody moves it.

It is the clock of the code under test, of the client, and of fakeredis, whose expiries and
Lua TIME follow it. A live server has a clock of its own, which nothing here can move.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import time_machine

START = 1_700_000_000.0  # seconds since 1970: any fixed moment, so that runs are alike


class Clock:
    """The time, which only `advance` moves."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self.elapsed = 0.0
        self.on_sleep: Callable[[float], None] = self.advance

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        if seconds > 0:
            self.elapsed += seconds
            self._traveller.shift(seconds)

    def rewind(self) -> None:
        """Go back to the beginning."""
        self.elapsed = 0.0
        self._traveller.move_to(START)


@contextmanager
def virtual_time() -> Iterator[Clock]:
    """Yield a clock that stands still; `sleep` of `time` and `asyncio` advance it, or do `on_sleep`.

    Other threads (a notebook's kernel has some) sleep and measure as ever: only the beginner's
    time is virtual.
    """
    own = threading.get_ident()
    begun, slept, aslept, measured = time.monotonic(), time.sleep, asyncio.sleep, time.monotonic

    with time_machine.travel(START, tick=False) as traveller:
        clock = Clock(traveller)

        def sleep(seconds: float) -> None:
            (clock.on_sleep if threading.get_ident() == own else slept)(seconds)

        async def asleep(seconds: float, result: object = None) -> object:
            if threading.get_ident() != own:
                return await aslept(seconds, result)
            clock.on_sleep(seconds)
            return result

        def monotonic() -> float:
            return begun + clock.elapsed if threading.get_ident() == own else measured()

        with (
            mock.patch.object(time, "monotonic", monotonic),
            mock.patch.object(time, "sleep", sleep),
            mock.patch.object(asyncio, "sleep", asleep),
        ):
            yield clock
