"""Explorations of the lock: every interleaving of those who want it, with a resource beside it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from valkey_redis import Acquisition, LockLostError, ValkeyClient
from valkey_redis.lock_plan import Grant, Listen, LockPlan, Send, Steps, Undo, Wait, plan_of
from valkey_redis.locking import Threads
from valkey_redis.scripts import load
from workshop.actors import ActorDiedError
from workshop.interleave import explore, step
from workshop.lab import Lab
from workshop.schedule import End, Explored
from workshop.search import current

LEASE = 10.0  # seconds
SLACK = 1.0  # seconds that a live server's clock may run on while nothing happens here
NAME = "stock"


class Resource:
    """What the lock guards: it notes who is inside, and refuses whoever comes with an older fence."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Be untouched."""
        self.inside: list[Acquisition] = []
        self.fences: list[int] = []  # of every acquisition, in the order in which they were used
        self.refused = 0
        self.grant: Grant | None = None  # of who has the lock already when all begins

    def enter(self, acquisition: Acquisition) -> None:
        """Use it: whoever has no reason to think that its lease is over must be alone."""
        if lives(acquisition):
            assert not any(map(lives, self.inside)), "two owners"
        self.inside.append(acquisition)
        if self.fences and acquisition.fence <= self.fences[-1]:
            assert not lives(acquisition), f"fence {acquisition.fence} after {self.fences[-1]}"
            self.refused += 1
        else:
            self.fences.append(acquisition.fence)

    def leave(self, acquisition: Acquisition) -> None:
        """Be done with it."""
        self.inside.remove(acquisition)

    def state(self) -> tuple[object, ...]:
        """Return all that differs from one moment to another."""
        return [item.fence for item in self.inside], self.fences, self.refused  # type: ignore[return-value]  # the explorer only compares it


def lives(acquisition: Acquisition) -> bool:
    """Return whether its lease still runs by the clock of who has it, also while it is released."""
    return time.monotonic() < acquisition._until - SLACK


class Messages:
    """What was sent to whom: real subscriptions of the lab's server, drained into lists."""

    def __init__(self, lab: Lab) -> None:
        self._client = lab.connect("", None, decode=False)
        self._open: dict[str, Any] = {}
        self.waiting: dict[str, list[int]] = {}

    def begin(self) -> None:
        """Hear nothing any more."""
        for channel in list(self._open):
            self.close(channel)

    def open(self, channel: str) -> None:
        """Listen."""
        self.close(channel)
        driver = self._client.pubsub()
        driver.subscribe(channel)
        assert driver.get_message(timeout=5)["type"] == "subscribe"
        self._open[channel], self.waiting[channel] = driver, []

    def close(self, channel: str) -> None:
        """Listen no more."""
        if channel in self._open:
            self._open.pop(channel).close()
            del self.waiting[channel]

    def take(self, channel: str) -> int | None:
        """Return the first message that has come, or None."""
        self.drain()
        return self.waiting[channel].pop(0) if self.waiting[channel] else None

    def drain(self) -> None:
        """Put what has come into the lists."""
        for channel, driver in self._open.items():
            while (event := driver.get_message(timeout=0)) is not None:
                self.waiting[channel].append(int(event["data"]))

    def end(self) -> None:
        """Close all."""
        self.begin()
        self._client.close()


class Slow(Threads):
    """Does the steps in an exploration: whoever waits may hear at once, late, or never."""

    def __init__(self, client: ValkeyClient, near: str, messages: Messages) -> None:
        super().__init__(client, near)
        self.messages = messages
        self.interrupted_at = -1  # the wait that is interrupted; -1: none
        self.is_deaf = False
        self.was_refused = False  # it has asked once already, before all begins

    def run(self, steps: Steps[Any]) -> Any:
        """Do what the steps say; as `Threads` does, but for the subscription and the wait."""
        self._channel = ""
        try:
            made = next(steps)
            while True:
                try:
                    result = self._do(made)
                except ActorDiedError:
                    raise  # the dead leave no queue
                except BaseException as error:  # noqa: BLE001 - the steps judge it
                    made = steps.throw(error)
                else:
                    made = steps.send(result)
        except StopIteration as end:
            return end.value
        finally:
            self.messages.close(self._channel)

    def _do(self, made: Any) -> Any:
        if isinstance(made, Send) and self.was_refused:
            self.was_refused = False
            return int(LEASE * 1000), False
        if isinstance(made, Send):
            return self.send(made.command)
        if isinstance(made, Wait):
            return self._hear(self._channel, made.seconds)
        if isinstance(made, Undo):
            self.undo(made.command)
        elif isinstance(made, Listen):
            self._channel = made.channel
            self.messages.open(made.channel)
        else:
            self.messages.close(self._channel)
        return None

    def _hear(self, channel: str, seconds: float) -> int | None:
        self.interrupted_at -= 1
        if self.interrupted_at == -1:
            raise KeyboardInterrupt
        heard: int | None = step("waits", lambda: self._wake(channel, seconds))
        return heard

    def _wake(self, channel: str, seconds: float) -> int | None:
        """Return the message that has come by now, or let the time pass until one looks by oneself."""
        heard = None if self.is_deaf else self.messages.take(channel)
        search = current()
        if heard is None and search is not None:
            search._clock.advance(seconds)
            search._lab.let_time_pass(seconds)
        return heard


Want = Callable[[Slow, LockPlan, Resource], Any]


def use(doing: Slow, plan: LockPlan, resource: Resource, patience: float = float("inf")) -> Any:
    """Wait for the lock, use the resource, give the lock back."""
    grant = doing.run(plan.acquire(patience))
    if grant is None:
        return "gave up"
    return use_as(Acquisition(doing, plan, grant), resource)


def use_as(acquisition: Acquisition, resource: Resource) -> str:
    """Be inside until the server is told of the release."""
    resource.enter(acquisition)
    try:
        acquisition.release()
    except LockLostError:
        return "lost"
    finally:
        resource.leave(acquisition)
    return "used"


def dawdle(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Wait for the lock, and come to the resource some time later."""
    acquisition = Acquisition(doing, plan, doing.run(plan.acquire(float("inf"))))
    step("dawdles")
    return use_as(acquisition, resource)


def give_back(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Have the lock already, and give it back."""
    assert resource.grant is not None
    return use_as(Acquisition(doing, plan, resource.grant), resource)


def give_up(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Wait for less than a lease."""
    return use(doing, plan, resource, LEASE / 2)


def glance(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Do not wait."""
    return use(doing, plan, resource, 0)


def be_interrupted(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Be interrupted in the first wait."""
    doing.interrupted_at = 1
    try:
        return use(doing, plan, resource)
    except KeyboardInterrupt:
        return "interrupted"


def be_deaf(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Get no message, ever."""
    doing.is_deaf = True
    return use(doing, plan, resource)


def queue_up(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Have asked already, and come to wait."""
    doing.was_refused = True
    return use(doing, plan, resource)


def prolong(doing: Slow, plan: LockPlan, resource: Resource) -> Any:
    """Extend the lease before the resource is used."""
    grant = doing.run(plan.acquire(float("inf")))
    acquisition = Acquisition(doing, plan, grant)
    with suppress(LockLostError):
        acquisition.extend(2 * LEASE)
        return use_as(acquisition, resource)
    return "lost"


def explore_lock(
    lab: Lab,
    wants: Sequence[Want],
    check: Callable[[End, Resource], Any] = lambda *_: None,
    *,
    crashes: bool = False,
) -> Explored:
    """Run every interleaving; in every state each key expires, and no two have the lock."""
    resource, messages = Resource(), Messages(lab)
    observer = ValkeyClient(raw=lab.connect("", None, decode=False))
    plan = plan_of(NAME, LEASE, None, "app")
    for name in ("lock", "lock_extend"):  # else the first schedule has more steps than the others
        lab.server.script_load(load(name).source)

    def setup(_server: Any) -> None:
        resource.begin()
        messages.begin()
        if give_back in wants:
            resource.grant = Slow(observer, plan.keys.lock, messages).run(plan.acquire(0))

    def outside() -> object:
        messages.drain()
        assert lab.keys_without_expiry() == [], f"never expire: {lab.keys_without_expiry()}"
        return resource.state(), messages.waiting

    def judge(end: End) -> None:
        outside()
        for result, died in zip(end.results, end.died, strict=True):
            assert died or result is not None
        if not any(end.died):
            left = set(lab.server.scan_iter()) - {plan.keys.fence}
            assert not {key for key in left if ":left:" not in str(key)}, f"left behind: {left}"
        check(end, resource)

    def actor(want: Want) -> Callable[[Any], Any]:
        def act(raw: Any) -> Any:
            doing = Slow(ValkeyClient(raw=raw), plan.keys.lock, messages)
            return want(doing, plan, resource)

        return act

    actors = [actor(want) for want in wants]
    explored = explore(setup, actors, judge, crashes=crashes, lab=lab, outside=outside)
    messages.end()
    observer.close()
    return explored
