"""What exercise 4's tests play with: clocks that differ, clients between two commands, slots."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import time_machine
from valkey.crc import key_slot

from workshop.lab import Lab
from workshop.recorder import Sent

WITHOUT_KEYS = frozenset("MULTI EXEC DISCARD UNWATCH TIME SCRIPT PING SCAN ECHO".split())
MANY_KEYS = frozenset("DEL UNLINK MGET EXISTS TOUCH WATCH".split())
SCRIPTS = frozenset("EVAL EVALSHA FCALL EVAL_RO EVALSHA_RO FCALL_RO".split())
TIDYING = frozenset({"UNWATCH", "DISCARD"})  # which the driver sends on its own


@contextmanager
def clock_ahead(client: Any, seconds: float) -> Iterator[None]:
    """Let the code that uses this client run on a machine whose clock is ahead of the server's.

    The server is fakeredis, which does its work while the command is sent.
    """
    pool = client.connection_pool
    plain = pool.connection_class

    def on_the_server(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            with time_machine.travel(time.time() - seconds, tick=False):
                return method(*args, **options)

        return call

    there = {
        name: on_the_server(getattr(plain, name))
        for name in ("connect", "send_packed_command", "read_response")
    }
    pool.disconnect()
    pool.reset()
    pool.connection_class = type("Elsewhere", (plain,), there)
    try:
        with time_machine.travel(time.time() + seconds, tick=False):
            yield
    finally:
        pool.connection_class = plain
        pool.disconnect()
        pool.reset()


class _DiedError(BaseException):
    """A client has died; a BaseException, so that no `except Exception` goes on."""


@contextmanager
def before_each_trip(lab: Lab, client: str, what: Callable[[int, str], None]) -> Iterator[None]:
    """Call `what` with number and first command before each trip of one client leaves."""
    others, trips = lab.recorder.before, 0

    def before(who: str, commands: list[tuple[str, ...]]) -> None:
        nonlocal trips
        if others is not None:
            others(who, commands)
        if who == client:
            trips += 1
            what(trips, commands[0][0].upper())

    lab.recorder.before = before
    try:
        yield
    finally:
        lab.recorder.before = others


def interrupted(
    lab: Lab, client: str, number: int, call: Callable[[], Any], by: Callable[[], Any]
) -> tuple[Any, Any]:
    """Return what `call` makes, and `by`, which comes before the client's trip of that number.

    The second is None if there was no such trip.
    """
    made: list[Any] = []

    def come(trip: int, _: str) -> None:
        if trip == number:
            made.append(by())

    with before_each_trip(lab, client, come):
        result = call()
    return result, next(iter(made), None)


def trips_until_death(lab: Lab, client: str, number: float, call: Callable[[], Any]) -> int:
    """Let the client die before its trip of that number; return how many it made before."""
    made = 0

    def die(trip: int, verb: str) -> None:
        nonlocal made
        if trip >= number and verb not in TIDYING:
            raise _DiedError
        made = trip

    with suppress(_DiedError), before_each_trip(lab, client, die):
        call()
    return made


def keys_of(words: Sequence[str]) -> list[str]:
    """Return the keys that a command names."""
    verb = words[0].upper()
    if verb in SCRIPTS:
        return list(words[3 : 3 + int(words[2])])
    if verb in MANY_KEYS:
        return list(words[1:])
    return [] if verb in WITHOUT_KEYS else list(words[1:2])


def _together(sent: Sequence[Sent]) -> Iterator[set[str]]:
    """Yield the keys of each command, and of each transaction."""
    for entry in sent:
        yield set(keys_of(entry.words))
    for trip in {entry.trip for entry in sent}:
        commands = [entry.words for entry in sent if entry.trip == trip]
        if commands[0][0].upper() == "MULTI":
            yield {key for words in commands for key in keys_of(words)}


def apart(lab: Lab) -> str:
    """Return keys that were used together and are not in one slot, "" if there are none."""
    for keys in _together(lab.recorder.sent):
        if len({key_slot(key.encode()) for key in keys}) > 1:
            return " and ".join(sorted(keys))
    return ""


def undeclared(lab: Lab) -> str:
    """Return keys that came to be though no command named them, "" if there are none."""
    named = {key for entry in lab.recorder.sent for key in keys_of(entry.words)}
    return ", ".join(sorted(set(lab.server.scan_iter()) - named))
