"""What exercise 2's tests play with: sources, tables, time, and scenes of several clients."""

import base64
import json
import math
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from greenlet import getcurrent, greenlet

from valkey_redis.retrying import READ_ONLY
from workshop.clock import virtual_time
from workshop.exercise import ExerciseError
from workshop.interleave import step
from workshop.lab import Lab, TooManyTripsError
from workshop.manifest import ROOT
from workshop.schedule import Explored, RuleBrokenError, Step

NAMES = ("client A", "client B", "client C")
MOST_STEPS, FIRST_STEPS = 40, 5  # of a scene that are shown


def nothing(*_: object) -> None:
    """Do nothing."""


# What is loaded from ---------------------------------------------------------------------


class Source:
    """A load function that counts its calls; `during` happens in the middle of each."""

    def __init__(self, value: Any, during: Callable[[], Any] = nothing) -> None:
        self.value, self.during, self.loads = value, during, 0

    def __call__(self) -> Any:
        """Return the value; raise it if it is an exception."""
        self.loads += 1
        self.during()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Table:
    """A database's table of texts. Each read and write is a step that others may come between."""

    def __init__(self, **rows: str) -> None:
        self.rows, self.reads = rows, 0
        self.before_write: Callable[[], Any] = nothing  # what happens while a write is on its way

    def read(self, row_id: str) -> str | None:
        """Return the row, None if there is none."""
        self.reads += 1
        found: str | None = step(f"table: read {row_id}", lambda: self.rows.get(row_id))
        return found

    def write(self, row_id: str, row: str) -> None:
        """Write the row."""
        self.before_write()
        step(f"table: write {row}", lambda: self.rows.update({row_id: row}))


class Prices:
    """A table of prices, whose rows have a version that rises with each write."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, int]] = {}
        self.written: list[tuple[str, int]] = []
        self.reads = 0
        self.is_down = False

    def begin(self, **rows: int) -> None:
        """Hold these rows and nothing else."""
        self.rows = {product: (1, cents) for product, cents in rows.items()}
        self.written = []

    def read(self, product: str) -> tuple[int, int] | None:
        """Return (version, cents), None if there is none."""
        self.reads += 1
        found: tuple[int, int] | None = step(
            f"table: read {product}", lambda: self.rows.get(product)
        )
        return found

    def write(self, product: str, cents: int) -> int:
        """Write the price and return its version; raise ConnectionError while down."""
        if self.is_down:
            raise ConnectionError("the database is down")
        version: int = step(f"table: write {cents}", lambda: self._write(product, cents))
        return version

    def cents(self, product: str) -> int | None:
        """Return a price without a step."""
        return self.rows[product][1] if product in self.rows else None

    def _write(self, product: str, cents: int) -> int:
        version = self.rows.get(product, (0, 0))[0] + 1
        self.rows[product] = (version, cents)
        self.written.append((product, cents))
        return version


# Time and scenes -------------------------------------------------------------------------


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

    def require(self, *, holds: bool, message: str) -> None:
        """Raise with what each client sent, in columns, unless the rule holds."""
        if holds:
            return
        sent = self.lab.recorder.sent[: self._shown]
        steps = [
            Step(
                NAMES.index(entry.client),
                entry.text(),
                entry.reply_text(),
                entry.words[0].upper() not in READ_ONLY and bool(entry.reply),
                (entry.words,),
            )
            for entry in sent
            if entry.client in NAMES
        ]
        if len(steps) > MOST_STEPS:  # somebody who waits looks again and again
            steps[FIRST_STEPS:-1] = [Step(steps[-1].actor, "... and so on", "", False, ())]
        there = max((step.actor for step in steps), default=0) + 1
        raise RuleBrokenError(message, steps, list(NAMES[:there]), Explored(1, 0))

    def show_no_more(self) -> None:
        """Leave out of what is shown all that comes from now on: the harm is done."""
        self._shown = len(self.lab.recorder.sent)

    def close(self) -> None:
        """Close the clients."""
        for client in self.clients:
            client.close()


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


# Keys in another process -------------------------------------------------------------------

ASK_FOR_A_KEY = """
import sys, textwrap
from pathlib import Path
from workshop.exercise import load
mistake = Path(sys.argv[2]) if sys.argv[2] else None
print("key", load(Path(sys.argv[1]), mistake).call_key(textwrap.shorten, ("Ada",), {"width": 2}))
"""  # a function that every process has, and imports fast


@cache
def key_elsewhere(file: Path, mistake: Path | None) -> str:
    """Return the key of `textwrap.shorten("Ada", width=2)` as another process makes it."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_A_KEY, str(file), str(mistake or "")],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("key ")]
    return lines[-1].removeprefix("key ") if lines else ""


# Pickle ------------------------------------------------------------------------------------

ran: list[str] = []  # what a planted pickle did
Coder = tuple[Callable[[str], bytes], Callable[[bytes], str]]
CODERS: dict[str, Coder] = {
    "latin-1": (lambda text: text.encode("latin-1"), lambda data: data.decode("latin-1")),
    "hex": (bytes.fromhex, bytes.hex),
    "base64": (
        lambda text: base64.b64decode(text, validate=True),
        lambda data: base64.b64encode(data).decode(),
    ),
}


def run(text: str) -> None:
    """Note that a planted pickle was run."""
    ran.append(text)


class Planted:
    """Whoever unpickles this runs code of ours."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        """Return what unpickling calls."""
        return (run, ("code of a stranger",))


def plant(text: str) -> str | None:
    """Return the text with every pickle in it replaced by one that runs code, None if it has none."""
    for decode, encode in CODERS.values():
        for word in (text, *re.findall(r"[A-Za-z0-9+/=_-]{16,}", text)):
            try:
                data = decode(word)
            except ValueError:
                continue
            if data[:1] == b"\x80" and data[-1:] == b".":
                return text.replace(word, encode(pickle.dumps(Planted())))
    return None


def spoilt(text: str) -> list[str]:
    """Return texts that may stand where `text` should: cut, empty, of another form."""
    other = ["", "x", "null", "[]", "{}", "1", "1:", "2:", '"text"', json.dumps({"v": 2})]
    return [text[: len(text) // 2], text[1:], *other]
