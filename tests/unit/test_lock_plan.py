"""What a lock takes and refuses, and when its waiter looks: no server."""

import math
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from valkey_redis import AsyncLock, AsyncValkeyClient, InvalidArgumentError, Lock, ValkeyClient
from valkey_redis.errors import ServerUnavailableError
from valkey_redis.lock_plan import Grant, Hush, Listen, Send, Undo, Wait, plan_of

NOWHERE = "valkey://127.0.0.1:1"


def _sync(**settings: Any) -> Any:
    return Lock(ValkeyClient(NOWHERE), **settings)


def _async(**settings: Any) -> Any:
    return AsyncLock(AsyncValkeyClient(NOWHERE), **settings)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"timeout": 0}, "timeout=0: takes seconds"),
    ({"timeout": -1}, "timeout=-1"),
    ({"timeout": math.nan}, "timeout=nan"),
    ({"timeout": None}, "timeout=None"),
    ({"timeout": "5"}, "timeout='5'"),
    ({"blocking_timeout": -1}, "blocking_timeout=-1"),
    ({"blocking_timeout": math.nan}, "blocking_timeout=nan"),
    ({"sleep": 0}, "sleep=0"),
    ({"name": ""}, "name=''"),
    ({"name": None}, "name=None"),
    ({"namespace": "a b"}, "namespace 'a b'"),
    ({"on_lost": print}, "takes auto_renew=True"),
]


@pytest.mark.parametrize(("settings", "text"), BAD, ids=[text for _, text in BAD])
@pytest.mark.parametrize("make", [_sync, _async])
def test_bad_settings(make: Callable[..., Any], settings: dict[str, Any], text: str) -> None:
    """One clear line says what was given."""
    with pytest.raises(InvalidArgumentError) as caught:
        make(**{"name": "stock", **settings})
    assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


class Play:
    """The steps of one `acquire`, answered by hand; what each asks for is noted."""

    def __init__(self, patience: float, sleep: float | None = None) -> None:
        self.now = 1000.0
        self.steps = plan_of("stock", 10, sleep, "app").acquire(patience)
        with self._time():
            self.made: Any = next(self.steps)
        self.grant: Grant | str | None = "none yet"

    def give(self, answer: Any, after: float = 0.0) -> Any:
        """Answer the step, so many seconds later; return the next step."""
        self.now += after
        try:
            with self._time():
                if isinstance(answer, BaseException):
                    self.made = self.steps.throw(answer)
                else:
                    self.made = self.steps.send(answer)
        except StopIteration as end:
            self.grant = end.value
            self.made = None
        return self.made

    def what(self) -> str:
        """Return what the command asks for."""
        assert isinstance(self.made, (Send, Undo))
        return str(self.made.command.words[7])

    def _time(self) -> Any:
        return mock.patch("time.monotonic", return_value=self.now)


FENCE = (b"77", False)


def test_a_free_lock_is_one_command() -> None:
    """The lease is counted from before it was sent."""
    play = Play(math.inf)
    assert play.what() == "take"
    play.give((b"77", True), after=3)
    assert isinstance(play.grant, Grant)
    assert (play.grant.fence, play.grant.sent, play.grant.is_unsure) == (77, 1000.0, True)


def test_without_patience_nobody_waits() -> None:
    """One command, and nothing to leave behind."""
    play = Play(0)
    play.give((5000, False))
    assert play.grant is None


def test_who_waits_listens_before_it_stands_in_the_queue() -> None:
    """Else it could be called before it hears; then it waits until the owner's lease ends."""
    play = Play(math.inf)
    assert isinstance(play.give((5000, False)), Listen)
    play.give(None)
    assert play.what() == "wait"
    assert play.give((4000, False)) == Wait(pytest.approx(4.0, abs=0.01))
    play.give(0, after=1)  # called
    assert play.what() == "wait"
    assert play.give(FENCE) == Hush()
    play.give(None)
    assert isinstance(play.grant, Grant)


def test_who_is_stopped_while_it_ceases_to_listen_gives_the_lock_back() -> None:
    """It is the owner already, and nobody will ever know."""
    play = Play(math.inf)
    for answer in ((5000, False), None, FENCE):
        play.give(answer)
    assert play.made == Hush()
    play.give(KeyboardInterrupt())
    assert isinstance(play.made, Undo)
    with pytest.raises(KeyboardInterrupt):
        play.give(None)


def test_a_waiter_looks_when_the_lease_ends() -> None:
    """Or when it is told that another's will; with `sleep`, not later than that."""
    play = Play(math.inf)
    play.give((5000, False))
    play.give(None)
    play.give((4000, False))
    assert play.give(60_000, after=2) == Wait(pytest.approx(60.0, abs=0.01))
    play.give(None, after=60.01)
    assert play.what() == "wait"
    play = Play(math.inf, sleep=0.5)
    play.give((5000, False))
    play.give(None)
    assert play.give((4000, False)) == Wait(0.5)
    assert play.give(60_000) == Wait(0.5)


def test_at_the_deadline_it_looks_once_more_and_leaves_the_queue() -> None:
    """In one step: it may be the owner by then."""
    for answer, owns in (((3000, False), False), (FENCE, True)):
        play = Play(2.0)
        play.give((5000, False))
        play.give(None)
        assert play.give((4000, False)) == Wait(2.0)
        play.give(None, after=2.0)
        assert play.what() == "take"
        assert play.give(answer) == Hush()
        play.give(None)
        assert isinstance(play.grant, Grant) is owns


def test_called_in_vain_it_listens_anew() -> None:
    """The server may not have counted it: it has moved, or forgot."""
    play = Play(math.inf)
    play.give((5000, False))
    play.give(None)
    play.give((4000, False))
    play.give(0)
    assert play.what() == "wait"
    assert isinstance(play.give((2000, False)), Listen)


def test_a_lost_subscription_is_made_anew() -> None:
    """After a look, by which the client has found where the lock is now."""
    play = Play(math.inf)
    play.give((5000, False))
    play.give(None)
    play.give((4000, False))
    play.give(ServerUnavailableError("gone"))
    assert play.what() == "wait"
    assert isinstance(play.give((2000, False)), Listen)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ServerUnavailableError("gone")])
@pytest.mark.parametrize("answers", [[], [(5000, False)], [(5000, False), None, (4000, False)]])
def test_whatever_stops_it_it_leaves_for_good(error: BaseException, answers: list[Any]) -> None:
    """The queue, or the lock if it was given meanwhile; then the error goes on."""
    play = Play(math.inf)
    for answer in answers:
        play.give(answer)
    if isinstance(play.made, Wait) and isinstance(error, ServerUnavailableError):
        play.give(error)  # that one is borne
    play.give(error)
    assert isinstance(play.made, Undo)
    assert play.what() == "quit"
    with pytest.raises(type(error)):
        play.give(None)
