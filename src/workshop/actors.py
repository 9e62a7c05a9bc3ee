"""Actors: functions that stop before every command they send, and go on when told.

Each actor is a greenlet, so that any driver's ordinary code can be stopped in the middle
of a call, in one thread and without luck. A coroutine function runs on a loop of its own.
"""

import asyncio
import inspect
from asyncio import events
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet


class ActorDiedError(BaseException):
    """The actor dies here; a BaseException, so that no `except Exception` revives it."""


class Actor:
    """One client's function. `next` is what it will do next; None once it has come to its end."""

    def __init__(
        self, name: str, function: Callable[[Any], Any], make: Callable[[bool], Any]
    ) -> None:
        is_async = inspect.iscoroutinefunction(function)
        self.name = name
        self.client = make(is_async)
        self._function = function
        self._loop = asyncio.new_event_loop() if is_async else None
        self.begin()

    def begin(self) -> None:
        """Be ready to run anew; nothing of the function runs yet."""
        self.next: str | None = "begin"
        self.result: Any = None
        self.died = False
        self.replies: list[str] = []  # all that can make this actor's future differ
        self.wakes_at: float | None = None  # seconds of the virtual clock
        self._greenlet = greenlet(self._run)

    def go_on(self) -> None:
        """Run until just before the next step, or to the end."""
        _hand_over(self._greenlet)
        if self._greenlet.dead:
            self.next = None

    def die(self) -> None:
        """Let the actor's process end here: it sends nothing any more."""
        begun = self.next not in {None, "begin"}
        self.died, self.next = True, None
        if begun:
            _hand_over(self._greenlet)
            self._drop_connections()

    def close(self) -> None:
        """Close the client and the loop."""
        if self._loop is None:
            self.client.close()
        else:
            self._loop.run_until_complete(self.client.aclose())
            self._loop.close()

    def pause(self, what: str) -> None:
        """Stop here until told to go on; `what` is the next step. Called by the actor's own code."""
        if self.died:
            raise ActorDiedError
        self.next = what
        explorer = self._greenlet.parent
        assert explorer is not None  # noqa: S101 - only a running greenlet comes here
        _hand_over(explorer)
        if self.died:
            raise ActorDiedError

    def is_running(self) -> bool:
        """Return whether the code that asks is this actor's."""
        return self._greenlet is getcurrent()

    def _run(self) -> None:
        try:
            made = self._function(self.client)
            self.result = self._loop.run_until_complete(made) if self._loop else made
        except ActorDiedError:
            pass
        except Exception as error:  # noqa: BLE001 - an actor's failure is a result
            self.result = error

    def _drop_connections(self) -> None:
        """Close what the death left open, perhaps in the middle of a transaction."""
        pool = self.client.connection_pool
        made = pool.disconnect()
        if self._loop is not None:
            self._loop.run_until_complete(made)
        pool.reset()


def _hand_over(to: greenlet) -> None:
    """Let `to` run until it hands back.

    asyncio remembers the running loop for each thread, and here several share one.
    """
    loop = events._get_running_loop()  # noqa: SLF001 - there is no public way to lend a thread
    events._set_running_loop(None)  # noqa: SLF001 - as above
    try:
        to.switch()
    finally:
        events._set_running_loop(loop)  # noqa: SLF001 - as above
