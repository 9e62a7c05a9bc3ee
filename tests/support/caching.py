"""What exercise 2's tests play with: sources, tables, time, and scenes of several clients."""

import base64
import copy
import hashlib
import json
import math
import os
import pickle
import re
import subprocess
import sys
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Self

from tests.support.scenes import nothing

from workshop.interleave import step
from workshop.manifest import ROOT
from workshop.recorder import Recorder, Sent
from workshop.search import current

FIRST_VERSION = 9  # the next one is 10, which as a text comes before "9"


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


class Database:
    """What the tables have in common: each read and write is a step, and is seen in what is shown."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.user = recorder, "you"
        self.reads = 0
        self.is_down = False

    def as_seen_by(self, client: str) -> Self:
        """Return the same table, used by that client of a scene."""
        view = copy.copy(self)
        view.user = client
        return view

    def step(self, what: str, action: Callable[[], Any], *, answers: bool) -> Any:
        """Do something as a step that others may come between."""
        made = step(what, action)
        if current() is None:  # an exploration notes its steps itself
            note = Sent(self.user, (what,), self.recorder.trips, made, answered=answers)
            self.recorder.sent.append(note)
        return made

    def require_up(self) -> None:
        """Raise ConnectionError while down."""
        if self.is_down:
            raise ConnectionError("the database is down")


class Table(Database):
    """A database's table of texts."""

    def __init__(self, recorder: Recorder, **rows: str) -> None:
        super().__init__(recorder)
        self.rows = rows
        self.before_write: Callable[[], Any] = nothing  # what happens while a write is on its way
        self.after_read: Callable[[], Any] = nothing  # and while an answer is

    def read(self, row_id: str) -> str | None:
        """Return the row, None if there is none."""
        self.reads += 1
        found: str | None = self.step(
            f"table: read {row_id}", lambda: self.rows.get(row_id), answers=True
        )
        self.after_read()
        return found

    def write(self, row_id: str, row: str) -> None:
        """Write the row; raise ConnectionError while down."""
        self.before_write()
        self.require_up()
        self.step(f"table: write {row}", lambda: self.rows.update({row_id: row}), answers=False)


class Prices(Database):
    """A table of prices, whose rows have a version that rises with each write."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.rows: dict[str, tuple[int, int]] = {}
        self.written: list[tuple[str, int]] = []

    def begin(self, **rows: int) -> None:
        """Hold these rows and nothing else."""
        self.rows = {product: (FIRST_VERSION, cents) for product, cents in rows.items()}
        self.written = []

    def read(self, product: str) -> tuple[int, int] | None:
        """Return (version, cents), None if there is none."""
        self.reads += 1
        found: tuple[int, int] | None = self.step(
            f"table: read {product}", lambda: self.rows.get(product), answers=True
        )
        return found

    def write(self, product: str, cents: int) -> int:
        """Write the price and return its version; raise ConnectionError while down."""
        self.require_up()
        version: int = self.step(
            f"table: write {cents}", lambda: self._write(product, cents), answers=True
        )
        return version

    def cents(self, product: str) -> int | None:
        """Return a price without a step."""
        return self.rows[product][1] if product in self.rows else None

    def _write(self, product: str, cents: int) -> int:
        version = self.rows[product][0] + 1 if product in self.rows else FIRST_VERSION
        self.rows[product] = (version, cents)
        self.written.append((product, cents))
        return version


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


def long_text(number: int) -> str:
    """Return a text of 64 characters that differs in all of them from those of other numbers."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def room_in(keys: list[str]) -> float:
    """Return for how many bits the keys have room, at most: what differs in each place of them."""
    width = min(map(len, keys))
    return sum(math.log2(len({key[i] for key in keys})) for i in range(width))


def twin(function: types.FunctionType, module: str) -> types.FunctionType:
    """Return the same function, under the same name, of another module."""
    other = types.FunctionType(function.__code__, {"__name__": module}, function.__name__)
    other.__qualname__, other.__defaults__ = function.__qualname__, function.__defaults__
    return other


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
