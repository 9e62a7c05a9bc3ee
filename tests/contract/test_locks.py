"""What a lock promises, over every backend, face and driver."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.contract.conftest import Place
from tests.support.lockfaces import Awaited, lock_of, queue_has
from tests.support.waiting import auntil

from valkey_redis import (
    CommandError,
    InvalidArgumentError,
    LockError,
    LockLostError,
    LockNotAcquiredError,
)
from valkey_redis.lock_plan import TAKE, _same

SOON = 8.0  # seconds: less than a lease, so that only a message can have come
LONG = 3600.0
_THREAD = ThreadPoolExecutor(1)  # another one than a lock's own


async def _keys(client: Any) -> set[str]:
    return {key async for key in client.scan("*")}


async def _send(client: Any, command: Any) -> Any:
    return await client.send(command)


def _keys_of(lock: Awaited) -> Any:
    return lock.own._plan.keys


async def test_one_has_it_and_the_others_do_not(client: Any) -> None:
    """Until it is released; then the next one has it, with a higher fence."""
    lock, other = lock_of(client), lock_of(client)
    first = await lock.acquire()
    assert not first.lost
    assert await other.acquire(blocking=False) is None
    await first.release()
    assert not first.lost
    second = await other.acquire(blocking=False)
    assert second.fence > first.fence
    assert second.token != first.token
    await second.release()
    assert await _keys(client) == {_keys_of(lock).fence}


async def test_every_key_expires(client: Any) -> None:
    """The lock, its fence, its queue and the mark of one who left; the lock with its lease."""
    lock = lock_of(client, timeout=5)
    async with lock:
        waiter = asyncio.ensure_future(lock_of(client).acquire())
        await queue_has(client, lock, 1)
        await _send(client, lock.own._plan.leave("f" * 16, is_for_good=True))
        keys = await _keys(client)
        assert len(keys) == 4
        for key in keys:
            assert (await client.ttl(key) or -1) > 0, key
        assert 4 < await client.ttl(_keys_of(lock).lock) <= 5
    await (await waiter).release()


async def test_names_and_namespaces_are_apart(client: Any) -> None:
    """Each name is a lock of its own, also names with the separators of keys."""
    names = [("a", "app"), ("a:fence", "app"), ("{a}", "app"), ("a", "other"), ("a:queue", "app")]
    locks = [lock_of(client, name, namespace=namespace) for name, namespace in names]
    held = [await lock.acquire(blocking=False) for lock in locks]
    assert None not in held
    for acquisition in held:
        await acquisition.release()


async def test_the_block_has_the_acquisition_and_releases_it(client: Any) -> None:
    """At its end, and when it fails; its own error is what comes out."""
    lock = lock_of(client)
    async with lock as acquisition:
        assert acquisition.fence > 0
        with pytest.raises(LockNotAcquiredError, match=r"app:lock:\{stock\}: somebody else"):
            await lock_of(client, blocking=False).__aenter__()
    with pytest.raises(ZeroDivisionError):
        async with lock:
            raise ZeroDivisionError
    async with lock_of(client, blocking=False):
        pass


async def test_a_block_whose_lease_was_lost_says_so(client: Any) -> None:
    """LockLostError at its end, but not over an error of its own."""
    lock = lock_of(client)
    with pytest.raises(LockLostError, match="was over before the release"):
        async with lock as acquisition:
            await client.delete(_keys_of(lock).lock)
    assert acquisition.lost
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with lock:
            await client.delete(_keys_of(lock).lock)
            raise ZeroDivisionError


async def test_an_acquisition_is_a_block_too(client: Any) -> None:
    """`with lock.acquire() as acquisition`; a second release does nothing."""
    lock = lock_of(client)
    acquisition = await lock.acquire()
    async with acquisition:
        assert await lock_of(client).acquire(blocking=False) is None
    await acquisition.release()
    assert await lock_of(client).acquire(blocking=False) is not None


async def test_fences_grow_whatever_is_lost(client: Any) -> None:
    """After a release, an expiry, a lost counter, a counter that is ahead of the clock."""
    lock = lock_of(client)
    keys, fences = _keys_of(lock), []

    async def acquire() -> None:
        acquisition = await lock_of(client).acquire(blocking=False)
        fences.append(acquisition.fence)

    await acquire()
    await client.delete(keys.lock)  # as if its lease had ended
    await acquire()
    await client.delete(keys.lock, keys.fence)  # as if all had been lost
    await acquire()
    await client.delete(keys.lock)
    await client.raw.execute_command("SET", keys.fence, 2**52, "PX", 100_000)
    await acquire()
    assert fences == sorted(set(fences))
    assert fences[-1] == 2**52 + 1


async def test_it_is_not_reentrant(client: Any) -> None:
    """Who has it and asks again is refused, or waits, as any other."""
    lock = lock_of(client)
    async with lock:
        assert await lock.acquire(blocking=False) is None
        assert await lock.acquire(blocking_timeout=0.05) is None
        with pytest.raises(LockNotAcquiredError):
            await lock_of(client, blocking_timeout=0.05).__aenter__()


async def test_waiting_ends_at_the_deadline(client: Any) -> None:
    """With nothing, and without a place in the queue; 0 does not wait at all."""
    lock = lock_of(client)
    async with lock:
        for timeout in (0.05, 0):
            assert await lock_of(client).acquire(blocking_timeout=timeout) is None
        assert await lock_of(client, blocking_timeout=0.05).acquire() is None
        assert await _keys(client) == {_keys_of(lock).lock, _keys_of(lock).fence}


async def test_waiters_are_served_in_order(place: Place, client: Any) -> None:
    """Each is called by whoever releases before it, long before any lease ends."""
    served: list[int] = []
    fences: list[int] = []

    async def wait(number: int) -> None:
        async with place.connect() as own, lock_of(own, timeout=LONG) as acquisition:
            served.append(number)
            fences.append(acquisition.fence)

    lock = lock_of(client, timeout=LONG)
    waiters = []
    async with lock as acquisition:
        fences.append(acquisition.fence)
        for number in range(4):
            waiters.append(asyncio.ensure_future(wait(number)))
            await queue_has(client, lock, number + 1)
    await asyncio.wait_for(asyncio.gather(*waiters), SOON)
    assert served == [0, 1, 2, 3]
    assert fences == sorted(set(fences))


async def test_who_looks_again_keeps_its_place(place: Place, client: Any) -> None:
    """It stood first in the queue, and does so however often it looks."""
    lock = lock_of(client, timeout=LONG)
    acquisition = await lock.acquire()
    async with place.connect() as own:
        first = asyncio.ensure_future(lock_of(own, timeout=LONG, sleep=0.02).acquire())
        await queue_has(client, lock, 1)
        second = asyncio.ensure_future(lock_of(own, timeout=LONG).acquire())
        await queue_has(client, lock, 2)
        for _ in range(2):  # the queue's key is prolonged by whoever looks
            queue = _keys_of(lock).queue
            await client.expire(queue, 100)

            async def looked(queue: str = queue) -> bool:
                return bool(await client.ttl(queue) > 1000)

            await auntil(looked, "it looks again")
        await acquisition.release()
        acquisition = await asyncio.wait_for(first, SOON)
        assert not second.done()
        await acquisition.release()
        await (await asyncio.wait_for(second, SOON)).release()


async def test_nobody_overtakes_the_queue(place: Place, client: Any) -> None:
    """From the release on the lock is the first waiter's: who comes then is refused."""
    lock = lock_of(client, timeout=LONG)
    acquisition = await lock.acquire()
    async with place.connect() as own:
        waiter = asyncio.ensure_future(lock_of(own, timeout=LONG).acquire())
        await queue_has(client, lock, 1)
        await acquisition.release()
        assert await lock_of(client).acquire(blocking=False) is None
        await (await asyncio.wait_for(waiter, SOON)).release()


async def test_a_dead_waiter_is_passed_over(place: Place, client: Any) -> None:
    """Nobody listens for it, so the lock goes to the next one at once; with none it is free."""
    lock = lock_of(client, timeout=LONG)
    queue = _keys_of(lock).queue
    acquisition = await lock.acquire()
    await client.raw.execute_command("ZADD", queue, 1, "d" * 16, 2, "e" * 16)
    async with place.connect() as own:
        waiter = asyncio.ensure_future(lock_of(own, timeout=LONG).acquire())
        await queue_has(client, lock, 3)
        await acquisition.release()
        acquisition = await asyncio.wait_for(waiter, SOON)
        await client.raw.execute_command("ZADD", queue, 1, "d" * 16)
        await acquisition.release()
    assert await _keys(client) == {_keys_of(lock).fence}


async def test_a_dead_owner_blocks_until_its_lease_ends(client: Any) -> None:
    """Who waits looks by itself then: nobody calls it."""
    lock = lock_of(client, timeout=0.2)
    dead = await lock.acquire()
    acquisition = await asyncio.wait_for(lock_of(client).acquire(), SOON)
    assert acquisition.fence > dead.fence
    assert dead.lost
    with pytest.raises(LockLostError):
        await dead.release()
    assert not acquisition.lost
    await acquisition.extend()  # it is still the other's


async def test_extending(client: Any) -> None:
    """It lasts so long from then on, by the server and for the holder; it is never shortened."""
    lock = lock_of(client, timeout=5)
    key = _keys_of(lock).lock
    async with lock as acquisition:
        await acquisition.extend(100)
        assert 99 < await client.ttl(key) <= 100
        until = acquisition.own._until
        await acquisition.extend()
        assert 99 < await client.ttl(key) <= 100
        assert acquisition.own._until == until
        await lock.extend(200)
        assert 199 < await client.ttl(key) <= 200
    with pytest.raises(LockError, match="was released"):
        await acquisition.extend()


async def test_only_the_owner_extends_and_releases(client: Any) -> None:
    """Who has lost it is told so, and the next owner keeps it as it is."""
    lock, other = lock_of(client), lock_of(client, timeout=50)
    lost = await lock.acquire()
    await client.delete(_keys_of(lock).lock)
    owner = await other.acquire(blocking=False)
    with pytest.raises(LockLostError, match="the lease is over"):
        await lost.extend(1000)
    assert lost.lost
    with pytest.raises(LockLostError):
        await lost.release()
    assert 40 < await client.ttl(_keys_of(lock).lock) <= 50
    await owner.release()


async def test_the_holder_knows_when_its_time_is_over(client: Any) -> None:
    """By its own clock, without asking anybody."""
    acquisition = await lock_of(client, timeout=0.001).acquire()

    async def lost() -> bool:
        return bool(acquisition.lost)

    await auntil(lost, "the lease ends")
    assert "lost" in repr(acquisition.own)


async def test_taking_twice_with_one_token_is_taking_once(client: Any) -> None:
    """So a command whose reply was lost may be sent again: the fence is the same, the lease full."""
    plan = lock_of(client, timeout=50).own._plan
    take = plan.call(TAKE, "a" * 16, _same)
    fence = await _send(client, take)
    await client.expire(plan.keys.lock, 1)
    assert await _send(client, take) == fence
    assert 49 < await client.ttl(plan.keys.lock) <= 50
    await _send(client, plan.extend("a" * 16, 100_000))
    assert await _send(client, take) == fence
    assert 99 < await client.ttl(plan.keys.lock) <= 100


async def test_who_left_for_good_is_not_let_in(client: Any) -> None:
    """A command that was on its way when its sender gave up leaves nothing behind."""
    plan = lock_of(client).own._plan
    assert await _send(client, plan.leave("a" * 16, is_for_good=True)) is False
    for what in (TAKE, "wait"):
        assert await _send(client, plan.call(what, "a" * 16, _same)) == -1
    assert await _keys(client) == {plan.keys.mark("a" * 16)}
    acquisition = await lock_of(client).acquire(blocking=False)
    assert await _send(client, plan.call("wait", "a" * 16, _same)) == -1
    await acquisition.release()


async def test_a_foreign_key_without_expiry_is_waited_for(client: Any) -> None:
    """It is nobody's lease: it is looked at again after one, and never deleted."""
    lock = lock_of(client, timeout=0.05)
    key = _keys_of(lock).lock
    await client.set(key, "mine")
    assert await lock.acquire(blocking=False) is None
    waiter = asyncio.ensure_future(lock.acquire())
    await queue_has(client, lock, 1)
    await client.delete(key)
    await (await asyncio.wait_for(waiter, SOON)).release()
    await client.raw.execute_command("SADD", key, "x")
    with pytest.raises(CommandError, match="WRONGTYPE") as caught:
        await lock.acquire()
    assert len(str(caught.value).splitlines()) == 1


async def test_renewal(client: Any) -> None:
    """The lease goes on at each third of it; it ends with the release."""
    lock = lock_of(client, timeout=0.6, auto_renew=True)
    acquisition = await lock.acquire()
    ends = {acquisition.own._until}

    async def renewed() -> bool:
        ends.add(acquisition.own._until)
        return len(ends) > 3

    await auntil(renewed, "three renewals")
    assert not acquisition.lost
    await acquisition.release()
    assert await _keys(client) == {_keys_of(lock).fence}


async def test_a_renewal_that_finds_another_owner_says_so(client: Any) -> None:
    """Once, by `on_lost`, and by `lost`; what the callback raises is nobody's."""
    calls = []

    def on_lost() -> None:
        calls.append("lost")
        raise ZeroDivisionError

    lock = lock_of(client, timeout=0.3, auto_renew=True, on_lost=on_lost)
    acquisition = await lock.acquire()
    await client.raw.execute_command("SET", _keys_of(lock).lock, "b" * 16 + ":1", "PX", 60_000)

    async def lost() -> bool:
        return bool(acquisition.lost) and calls == ["lost"]

    await auntil(lost, "the loss is noticed")
    other = lock_of(client, "other", timeout=0.3, auto_renew=True)
    async with other as later:
        ends = {later.own._until}

        async def renewed() -> bool:
            ends.add(later.own._until)
            return len(ends) > 3

        await auntil(renewed, "as much time passes again")
    with pytest.raises(LockLostError):
        await acquisition.release()
    assert calls == ["lost"]


async def test_looking_more_often(client: Any) -> None:
    """With `sleep` a waiter finds by itself, in time, what no message told it."""
    lock = lock_of(client, timeout=LONG)
    await lock.acquire()
    waiter = asyncio.ensure_future(lock_of(client, sleep=0.05).acquire())
    await queue_has(client, lock, 1)
    await client.delete(_keys_of(lock).lock)  # nobody is called
    await (await asyncio.wait_for(waiter, SOON)).release()


async def test_a_release_by_another_thread_or_task_is_refused(client: Any) -> None:
    """It has acquired nothing; with thread_local=False any may release."""
    for thread_local in (True, False):
        lock = lock_of(client, thread_local=thread_local)
        await asyncio.ensure_future(lock.acquire())
        # For the sync face another thread, for the async one another task: this one.
        there = Awaited(lock.own, None if lock._thread is None else _THREAD)
        if thread_local:
            with pytest.raises(LockError, match="has not acquired it"):
                await there.release()
            with pytest.raises(LockError, match="has not acquired it"):
                await there.extend()
            await client.delete(_keys_of(lock).lock)
        else:
            await there.release()
            with pytest.raises(LockError, match="this object has not acquired it"):
                await there.release()


async def test_blocks_of_one_lock_are_apart(client: Any) -> None:
    """An inner block that came after the outer's lease releases its own, and the outer is told."""
    lock = lock_of(client)
    with pytest.raises(LockLostError):  # noqa: PT012 - the blocks are what is tested
        async with lock as outer:
            await client.delete(_keys_of(lock).lock)
            async with lock as inner:
                assert inner.fence > outer.fence
            assert not inner.lost


async def test_bad_calls(client: Any) -> None:
    """What a call is given is looked at too."""
    lock = lock_of(client)
    with pytest.raises(InvalidArgumentError, match="blocking_timeout=-1"):
        await lock.acquire(blocking_timeout=-1)
    async with lock as acquisition:
        with pytest.raises(InvalidArgumentError, match="timeout=0"):
            await acquisition.extend(0)


async def test_the_clients_make_locks(client: Any) -> None:
    """`client.lock(...)` with the drivers' parameters."""
    made = (client.sync if hasattr(client, "sync") else client).lock(
        "stock", 5, sleep=1, blocking=False, blocking_timeout=None, thread_local=False
    )
    lock = Awaited(made, None if not hasattr(client, "sync") else _THREAD)
    async with lock:
        assert await lock.acquire() is None
        assert 4 < await client.ttl(_keys_of(lock).lock) <= 5
    assert "app:lock:{stock}" in repr(made)
