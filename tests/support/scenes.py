"""Scenes of several clients, in a time that only they move; what each did is shown in columns."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from greenlet import getcurrent, greenlet

from valkey_redis.retrying import READ_ONLY
from workshop.clock import virtual_time
from workshop.exercise import ExerciseError
from workshop.lab import Lab, TooManyTripsError
from workshop.recorder import Sent
from workshop.schedule import Explored, RuleBrokenError, Step

SPARE = 2.0  # seconds: what a slow machine may take of an expiry
NAMES = ("client A", "client B", "client C")
LONGEST_ROUND = 3  # commands that somebody who waits sends again and again
AGAIN = "... again and again"


def nothing(*_: object) -> None:
    """Do nothing."""


def now() -> float:
    """Return the time in seconds, which is virtual in a scene and in an exploration."""
    return time.time()


def pass_time(lab: Lab, seconds: float) -> None:
    """Let time pass in the setup of an exploration."""
    time.sleep(seconds)
    lab.let_time_pass(seconds)


class Scene:
    """Several recorded clients of one lab, in a time that only sleeping and `wait` move."""

    def __init__(self, lab: Lab, advance: Callable[[float], None]) -> None:
        self.lab, self.wait = lab, advance
        self._shown: int | None = None
        self.clients = [lab.connect(name, lab.recorder) for name in NAMES]
        lab.forget()

    def require(self, *, holds: bool, message: str, at_the_end: bool = False) -> None:
        """Raise with what each client did, in columns, unless the rule holds.

        The harm is marked: the last thing written, or with `at_the_end` the last thing done.
        """
        if holds:
            return
        sent = self.lab.recorder.sent[: self._shown]
        steps = [_step(entry) for entry in sent if entry.client in NAMES]
        if at_the_end:
            steps = [dataclasses.replace(step, writes=False) for step in steps]
        steps = _without_repeats(steps)
        there = max((step.actor for step in steps), default=0) + 1
        raise RuleBrokenError(message, steps, list(NAMES[:there]), Explored(1, 0))

    def require_kept(self, what: str, seconds: float, loads: Callable[[], bool]) -> None:
        """Raise unless what was just stored is served for so many seconds, and no longer.

        `loads()` asks for it and returns whether it was loaded anew. Nothing may stay for ever.
        """
        immortal = self.lab.keys_without_expiry()
        self.require(
            holds=immortal == [],
            message=f"{what} is kept for {seconds:g} s; the key {''.join(immortal[:1])} never expires",
        )
        early, late = min(SPARE, seconds / 4), 0.1
        self.wait(seconds - early)
        self.require(
            holds=not loads(),
            message=f"{what} is kept for {seconds:g} s, and is gone {early:.1f} s before",
            at_the_end=True,
        )
        self.wait(early + late)
        self.require(
            holds=loads(),
            message=f"{what} is kept for {seconds:g} s, and is still served after that",
            at_the_end=True,
        )

    def evict_everything(self) -> None:
        """Let the server evict every key that it holds."""
        self.lab.server.flushdb()
        note = Sent(NAMES[1], ("the server evicts every key",), self.lab.recorder.trips)
        self.lab.recorder.sent.append(note)

    def show_no_more(self) -> None:
        """Leave out of what is shown all that comes from now on: the harm is done."""
        if self._shown is None:
            self._shown = len(self.lab.recorder.sent)

    def begin_anew(self) -> None:
        """Empty the server, and show only what comes from now on."""
        self.lab.server.flushdb()
        self.lab.forget()
        self._shown = None

    def close(self) -> None:
        """Close the clients."""
        for client in self.clients:
            client.close()


def _step(entry: Sent) -> Step:
    """Return what a client of a scene, or its table, did."""
    verb = entry.words[0].upper()
    is_command = " " not in verb  # else a note of what happened elsewhere
    writes = verb not in READ_ONLY and bool(entry.reply) if is_command else "READ" not in verb
    sent = (entry.words,) if is_command else ()
    return Step(NAMES.index(entry.client), entry.text(), entry.reply_text(), writes, sent)


def _without_repeats(steps: list[Step]) -> list[Step]:
    """Return the steps without the rounds of somebody who looks again and again."""
    shown: list[Step] = []
    while steps:
        length = _length_of_round([step for step in shown if step.what != AGAIN], steps)
        if length and shown[-1].what == AGAIN:
            steps = steps[length:]
        elif length and steps[:length] == steps[length : 2 * length]:
            shown.append(Step(steps[0].actor, AGAIN, "", False, ()))
        else:
            shown.append(steps[0])
            steps = steps[1:]
    return shown


def _length_of_round(done: list[Step], coming: list[Step]) -> int:
    """Return how many steps of one client come once more, 0 if they do not."""
    for length in range(1, LONGEST_ROUND + 1):
        steps = coming[:length]
        if done[-length:] == steps and len({step.actor for step in steps}) == 1:
            return length
    return 0


@contextmanager
def scene(lab: Lab, most: float = math.inf) -> Iterator[Scene]:
    """Yield a scene: the code under test may sleep, for `most` seconds in all, and it takes no time."""
    with virtual_time() as clock:

        def advance(seconds: float) -> None:
            clock.advance(seconds)
            lab.let_time_pass(seconds)

        slept = 0.0

        def sleep(seconds: float) -> None:
            nonlocal slept
            slept += seconds
            if slept > most:
                made.show_no_more()
                raise TooManyTripsError(f"after {most:.0f} s it still waits")
            advance(seconds)

        clock.on_sleep = sleep
        made = Scene(lab, advance)
        try:
            # The driver reads none of these; the code under test may time a load by any.
            with mock.patch.object(time, "perf_counter", time.monotonic):
                yield made
        finally:
            made.close()


class Paused:
    """A call that stops in the middle of its load until `finish`, so that others come first."""

    def __init__(self, call: Callable[[Callable[[], Any]], Any]) -> None:
        self._greenlet = greenlet(lambda: call(self._stop))
        self._value: Any = None
        self.error: Exception | None = None
        self._main: Any = None
        self._go_on()

    @property
    def is_loading(self) -> bool:
        """Whether the call has begun to load and waits for `finish`."""
        return not self._greenlet.dead

    def finish(self, value: Any) -> None:
        """Let the load return the value, or raise it, and the call come to its end."""
        self._value = value
        self._go_on()

    def _go_on(self) -> None:
        self._main = getcurrent()
        try:
            self._greenlet.switch()
        except (NotImplementedError, ExerciseError):
            raise
        except Exception as error:  # noqa: BLE001 - a failed load is part of the scene
            self.error = error

    def _stop(self) -> Any:
        self._main.switch()
        if isinstance(self._value, Exception):
            raise self._value
        return self._value
