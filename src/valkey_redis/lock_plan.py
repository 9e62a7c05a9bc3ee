"""How a lock is taken, waited for, kept and given back, as steps. No I/O here.

`acquire` is a generator, as in `filling.py`: it yields what is to be done, gets the result, and
returns its answer; a face (`lock.py`) does the doing, with threads or with tasks.

What must be atomic is `lock.lua`: a lock passes from its owner to the first who waits in the
step in which it is released, so that nobody polls and nobody overtakes. Every message may be
lost: a waiter looks for itself when the owner's lease would end, and that is all that a lost
message, a killed owner or a killed waiter costs.
"""

import math
import secrets
import time
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from valkey_redis import commands, scripts
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.deadline import shorter
from valkey_redis.errors import CircuitOpenError, InvalidArgumentError, ServerUnavailableError
from valkey_redis.keys import LockKeys

R = TypeVar("R")
TAKE, WAIT, LEAVE, QUIT = "take", "wait", "leave", "quit"
LATE = 0.001  # seconds: a waiter that looks when a lease ends comes just after that


class Send(NamedTuple):
    """Send this; the result is the reply's meaning, and whether it was sent more than once."""

    command: Command[Any]


class Listen(NamedTuple):
    """Listen to this channel from now on, at the node that serves the lock."""

    channel: str


class Wait(NamedTuple):
    """Wait for a message, so many seconds at most; the result is its value, or None."""

    seconds: float


class Hush(NamedTuple):
    """Listen no more."""


class Undo(NamedTuple):
    """Send this as well as can be: an interruption does not stop it, a failure is nobody's."""

    command: Command[Any]


Steps = Generator[Send | Listen | Wait | Hush | Undo, Any, R]


class Grant(NamedTuple):
    """The lock is ours: `sent` is when we asked (monotonic seconds), so the lease began later."""

    token: str
    fence: int
    sent: float
    # Asked more than once: a copy of the command may still be on its way.
    is_unsure: bool


class LockPlan:
    """What every acquisition of one lock has in common; `lease` in milliseconds."""

    def __init__(self, keys: LockKeys, lease: int, longest_wait: float) -> None:
        self.keys, self.lease = keys, lease
        self._longest_wait = longest_wait  # seconds between two looks
        # A command is put together often, and quickly.
        self._script = scripts.load("lock")
        self._head = ("EVALSHA", self._script.sha, 4, keys.lock, keys.fence, keys.queue)
        self._mark, self._channel = keys.mark(""), keys.channel("")

    def acquire(self, patience: float) -> Steps[Grant | None]:
        """Return the grant, or None if there is none after `patience` seconds (0: at once)."""
        token, was_asked = secrets.token_hex(8), False
        deadline = time.monotonic() + (shorter(patience) or 0.0)
        try:
            found = yield from self._ask(TAKE, token)
            was_asked = True
            is_heard = is_open = False
            while not isinstance(found, Grant) and time.monotonic() < deadline:
                if not is_heard:
                    yield Listen(self.keys.channel(token))
                    is_heard = is_open = True
                else:
                    try:
                        # Called and yet not the owner: the server may not have seen us listening.
                        is_heard = not (yield from self._wait(found, deadline))
                    except ServerUnavailableError:
                        is_heard = False
                if time.monotonic() < deadline:
                    found = yield from self._ask(WAIT, token)
            if not isinstance(found, Grant) and patience:
                # The last look, which also leaves the queue.
                found = yield from self._ask(TAKE, token)
            if is_open:
                yield Hush()  # here: what is cancelled in the middle of it gives the lock back
        except GeneratorExit:
            raise
        except BaseException as error:
            if was_asked or not isinstance(error, CircuitOpenError):
                yield Undo(self.leave(token, is_for_good=True))
            raise
        return found if isinstance(found, Grant) else None

    def _ask(self, what: str, token: str) -> Steps[Grant | float]:
        """Return the grant, or the seconds until the owner's lease ends."""
        sent = time.monotonic()
        reply, is_unsure = yield Send(self.call(what, token, _same))
        if isinstance(reply, int):
            return min(max(reply, 0) / 1000 + LATE, self._longest_wait)
        return Grant(token, int(reply), sent, is_unsure)

    def _wait(self, seconds: float, deadline: float) -> Steps[bool]:
        """Wait until it is time to look; return whether we were called."""
        look_at = time.monotonic() + seconds
        while (now := time.monotonic()) < min(look_at, deadline):
            told = yield Wait(min(look_at, deadline) - now)
            if told == 0:
                return True
            if told is not None:  # somebody else has it now
                look_at = time.monotonic() + min(told / 1000 + LATE, self._longest_wait)
        return False

    def leave(self, token: str, *, is_for_good: bool) -> Command[bool]:
        """Give the lock back, or the place in the queue: whether the lock was ours."""
        return self.call(QUIT if is_for_good else LEAVE, token, bool)

    def extend(self, token: str, length: int) -> Command[bool]:
        """Let the lease last so many milliseconds from now, if it is still ours: whether it was."""
        script = scripts.load("lock_extend")
        return commands.call(script, (self.keys.lock,), (token, length), bool, is_repeatable=True)

    def call(self, what: str, token: str, read: Callable[[Any], R]) -> Command[R]:
        """Return the call of lock.lua."""
        words = (*self._head, self._mark + token, what, token, self.lease, self._channel)
        return Command(words, read, self._script, is_repeatable=True)


def patience_of(blocking: bool, blocking_timeout: Lifetime | None) -> float:
    """Return how many seconds to wait: none, as many as given, or for ever."""
    if not blocking:
        return 0.0
    return math.inf if blocking_timeout is None else seconds("blocking_timeout", blocking_timeout)


def seconds(name: str, given: Lifetime) -> float:
    """Return the lifetime in seconds, which may be 0; raise InvalidArgumentError for what is none."""
    return 0.0 if given == 0 and not isinstance(given, bool) else milliseconds(name, given) / 1000


def plan_of(name: str, timeout: Lifetime, sleep: Lifetime | None, namespace: str) -> LockPlan:
    """Return the plan for the settings; raise InvalidArgumentError for those that are none."""
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"name={name!r:.40}: takes a text that is not empty")
    longest_wait = math.inf if sleep is None else milliseconds("sleep", sleep) / 1000
    return LockPlan(LockKeys(namespace, name), milliseconds("timeout", timeout), longest_wait)


def _same(reply: Any) -> Any:
    return reply
