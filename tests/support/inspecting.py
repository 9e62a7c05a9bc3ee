"""What exercise 8's tests play with: servers of their own, and a line to one that can be slow."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock

import time_machine
import valkey

from valkey_redis import EmbeddedServerError
from workshop.clock import Clock, virtual_time
from workshop.lab import Lab, open_backend
from workshop.recorder import Sent

THRESHOLD = 1_234_567  # microseconds: what somebody had set
FULL_LOG = 128  # entries: then the oldest goes for each new one
HOUR = 3600  # seconds


@contextmanager
def own_servers() -> Iterator[Callable[[int], Lab]]:
    """Yield what returns a lab on a real server, never the learner's own, by its number."""
    with ExitStack() as stack:

        @cache
        def lab(_number: int) -> Lab:
            try:
                return stack.enter_context(open_backend("valkey"))()
            except EmbeddedServerError:
                raise AssertionError(
                    "this task takes a real server, which may be set up anew, and there is none on "
                    "this machine: `make doctor` says why"
                ) from None

        yield lab


def begin_anew(lab: Lab) -> Lab:
    """Return the lab with a new client, nothing of it recorded; to make a lab takes longer."""
    lab.client.close()
    lab.client = lab.connect("you", lab.recorder)
    lab.forget()
    return lab


def set_back(server: Any) -> None:
    """Set up a server as each test expects it: empty, unlimited, its counters and log at 0."""
    for client_id in monitors(server):
        server.client_kill_filter(_id=client_id)
    pipe = server.pipeline(transaction=False)
    pipe.replicaof("NO", "ONE")
    pipe.config_set("slowlog-log-slower-than", THRESHOLD, "slowlog-max-len", FULL_LOG)
    pipe.config_set("maxmemory-policy", "noeviction")
    # Each use of a key counts, and is not forgotten after a minute: chance must not matter.
    pipe.config_set("maxmemory", 0, "lfu-log-factor", 0, "lfu-decay-time", 0)
    pipe.flushall()
    pipe.slowlog_reset()
    pipe.config_resetstat()
    pipe.execute()


def monitors(server: Any) -> list[str]:
    """Return the ids of the clients that watch all commands."""
    return [client["id"] for client in server.client_list() if "O" in client["flags"]]


def writes(server: Any) -> int:
    """Return how many changes the server has made since it started."""
    return int(server.info("persistence")["rdb_changes_since_last_save"])


@contextmanager
def moved_time() -> Iterator[Clock]:
    """Yield a clock that alone moves the time, also that of `time.perf_counter()`."""
    with virtual_time() as clock, mock.patch.object(time, "perf_counter", time.monotonic):
        yield clock


@contextmanager
def settable_clock() -> Iterator[Callable[[], None]]:
    """Yield what sets the machine's clock back by an hour, until the end of the block."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_earlier())


def _earlier() -> Any:
    return time_machine.travel(time.time() - HOUR, tick=False)


def between(client: Any, answer: Callable[[Sent, Callable[[], Any]], Any]) -> None:
    """Let `answer(command, read)` say what the client gets for each command; `read()` is the reply."""
    plain = client.connection_pool.connection_class

    class Between(plain):  # type: ignore[misc]  # a class known at run time
        def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self._unanswered:
                return super().read_response(*args, **options)
            entry = self._unanswered[0]
            read = super().read_response
            try:
                entry.reply = answer(entry, lambda: read(*args, **options))
            except Exception as error:
                entry.reply, entry.answered = error, True
                if isinstance(error, (valkey.ConnectionError, valkey.TimeoutError)):
                    self.disconnect()  # as the driver does
                raise
            return entry.reply

    client.connection_pool.connection_class = Between


def change_info(client: Any, *fields: str) -> None:
    """Let what the client hears of INFO, also from a script, hold these fields ("name:value")."""

    def answer(_: Sent, read: Callable[[], Any]) -> Any:
        reply = read()
        for field in fields if isinstance(reply, str) else ():
            name = field.partition(":")[0]
            reply = re.sub(rf"\b{name}:\d+", field, reply)
        return reply

    between(client, answer)


class Line:
    """The way to a server: each trip takes `delay` seconds, and `change` what comes back."""

    def __init__(self, lab: Lab, clock: Clock) -> None:
        self.delay = 0.0
        self.change: Callable[[str, Any], Any] = lambda _verb, reply: reply
        self._lab, self._clock, self._trip = lab, clock, 0

    def connect(self, seconds: float) -> Any:
        """Return a client that waits so long for each trip."""
        # The driver's plain client: the lab's would send a command that only reads again.
        pool = self._lab.connect("you", self._lab.recorder).connection_pool
        client = valkey.Valkey(connection_pool=pool)

        def answer(entry: Sent, read: Callable[[], Any]) -> Any:
            if entry.trip != self._trip:
                self._trip = entry.trip
                self._clock.advance(min(self.delay, seconds))
                if self.delay > seconds:
                    raise valkey.TimeoutError("Timeout reading from socket")
            return self.change(entry.words[0].upper(), read())

        between(client, answer)
        return client
