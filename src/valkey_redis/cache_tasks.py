"""What `AsyncCache` does with tasks: one flight for a key, refresh in the background, probes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from valkey_redis.batching import BatchReader
from valkey_redis.caching import ATTEMPTS, DOWN, CacheBase, deleted
from valkey_redis.client import AsyncValkeyClient
from valkey_redis.commands import Command
from valkey_redis.deadline import check, remaining, shorter, unbounded
from valkey_redis.debts import PAUSE
from valkey_redis.entry import Found, Terms
from valkey_redis.errors import ValkeyRedisError
from valkey_redis.filling import NEVER, RENEWALS, TICKS, Answer, unlink
from valkey_redis.looking import Load, Send, Steps

R = TypeVar("R")
LoadMany = Callable[[list[str]], Awaitable[Mapping[str, Any]]]
Loader = Callable[[], Awaitable[Any]]


class CacheTasks(CacheBase[AsyncValkeyClient]):
    """The doing of `AsyncCache`; it belongs to the event loop that first uses it."""

    def __init__(self, client: AsyncValkeyClient, **settings: Any) -> None:
        super().__init__(client, **settings)
        self._flights: dict[str, asyncio.Task[Answer]] = {}
        self._refreshing: dict[str, asyncio.Task[Answer | None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()  # a task that nobody holds may vanish
        self._payer: asyncio.Task[None] | None = None
        self._reader = BatchReader(self._plan, self._send, self._start)

    async def _run(self, steps: Steps[R], load: LoadMany | None = None) -> R:
        """Do what the steps say; what goes wrong is raised inside of them."""
        try:
            step = next(steps)
            while True:
                result: Any = None
                try:
                    if isinstance(step, Send):
                        result = await self._send(step.queued)
                    elif isinstance(step, Load):
                        assert load is not None  # noqa: S101 - only given with steps that load
                        result = await self._load(step, load)
                    else:
                        await asyncio.sleep(step.seconds)
                except BaseException as error:  # noqa: BLE001 - the steps let go of their lease
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            answer: R = end.value
            return answer

    async def _send(self, queued: list[Command[Any]]) -> list[Any] | None:
        if self._debts and self._debts.concern(queued):
            self._debts.add(deleted(queued))
        else:
            try:
                replies: list[Any] = await self.client.attempt(queued)
            except DOWN as error:
                self._failed(queued, error)
            else:
                return replies
        is_alive = self._payer is not None and not self._payer.done()
        if self._debts.take_on(is_alive=is_alive):  # whoever closed the cache ended it
            self._payer = self._start(self._pay())
        return None

    async def _load(self, step: Load, load: LoadMany) -> Mapping[str, Any]:
        begun = time.perf_counter()
        renewal = None
        if step.token is not None:
            renewal = asyncio.ensure_future(self._renew(step.entries, step.token))
        try:
            with self._loading(step.entries):
                values = await load(step.entries)
        except Exception:
            self._count("load_error")
            raise
        finally:
            if renewal is not None:
                renewal.cancel()
                await asyncio.wait({renewal})  # its connection goes back before ours is asked for
        self._count("load", time.perf_counter() - begun)
        return values

    async def _renew(self, entries: list[str], token: str) -> None:
        for _ in range(RENEWALS):
            await asyncio.sleep(self._lease / 3000)
            await self._send(self._plan.renewals(entries, token))

    def _start(self, work: Coroutine[Any, Any, R]) -> "asyncio.Task[R]":
        with unbounded():  # it outlives its caller's deadline
            task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        # Nobody may have waited for it to the end; an error is nobody's then.
        _ = task.cancelled() or task.exception()

    async def _get_or_set_many(
        self, keys: Collection[str], loader: LoadMany, terms: Terms
    ) -> dict[str, Any]:
        names = {self._keys.entry(key): key for key in keys}
        self._forbid_own(*names)

        async def load(entries: list[str]) -> dict[str, Any]:
            given = await loader([names[name] for name in entries])
            return {name: given[names[name]] for name in entries if names[name] in given}

        return self._given(names, await self._run(self._plan.fetch(names, terms), load))

    # One flight for a key ----------------------------------------------------------------

    async def _get_or_set(self, key: str, loader: Loader, terms: Terms) -> Any:
        name = self._keys.entry(key)
        found = None
        # A caller who finds a flight joins it before asking the server anything.
        if name not in self._flights:
            found = await self._look(name, terms)
        if found is not None:
            if found.fresh_for > 0:
                self._count("hit")
                if terms.may_be_due(found) and terms.is_due(found, self._dice.random()):
                    return await self._early(name, found, loader, terms)
                return found.value
            if found.fresh_for > -terms.stale_ttl:
                self._count("stale")
                return await self._stale(name, found, loader, terms)
        self._count("miss")
        return await self._fly(name, found, loader, terms)

    async def _look(self, name: str, terms: Terms) -> Found | None:
        if not terms.tags:
            found = await self._reader.look(name, terms)
            if found is None or not (found.tags or found.corrupt):
                return found
            looked: dict[str, Found] | None = await self._run(
                self._plan.check({name: found}, {}, terms)
            )
        else:
            looked = await self._run(self._plan.look((name,), terms))
        if looked is None:
            return None
        self._note(looked)
        return looked[name]

    async def _fly(self, name: str, seen: Found | None, loader: Loader, terms: Terms) -> Any:
        self._forbid_own(name)
        came = next(TICKS)
        for _ in range(ATTEMPTS):
            flight = self._flights.get(name)
            leads = flight is None
            if flight is None:
                # A task of its own: whoever is cancelled leaves, and the others have it still.
                flight = self._start(self._fetch(name, seen, loader, terms))
                self._flights[name] = flight
            # Its leader waits for its own load as long as it takes.
            patience = None if leads else RENEWALS * self._lease / 1000
            await asyncio.wait({flight}, timeout=shorter(patience))
            if not flight.done():
                check()
                break  # it hangs
            if flight.cancelled():
                continue
            answer = flight.result()
            if leads:
                return answer.value
            if came <= answer.as_of:
                self._count("shared")
                return answer.value
            seen = None  # what was seen is older than the flight
        return await loader()

    async def _fetch(self, name: str, seen: Found | None, loader: Loader, terms: Terms) -> Answer:
        try:
            steps = self._plan.fetch([name], terms, {name: seen} if seen else None)
            answer = (await self._run(steps, one(name, loader)))[name]
            if answer.as_of == NEVER:
                self._count("refused")
            return answer
        finally:
            if self._flights.get(name) is asyncio.current_task():
                del self._flights[name]

    # Refresh while the old value is served -------------------------------------------------

    async def _early(self, name: str, found: Found, loader: Loader, terms: Terms) -> Any:
        """Load anew, and wait for it; whoever is cancelled leaves the refresh running."""
        came = next(TICKS)
        refresh = self._start(self._refresh(name, found, loader, terms))
        await asyncio.wait({refresh}, timeout=remaining())
        return _newer(refresh, found, came)

    async def _stale(self, name: str, found: Found, loader: Loader, terms: Terms) -> Any:
        """Load anew in the background; return the old value unless the new one is there soon."""
        came = next(TICKS)
        refresh = self._refreshing.get(name)
        if refresh is None:
            refresh = self._start(self._refresh(name, found, loader, terms))
            self._refreshing[name] = refresh
            refresh.add_done_callback(lambda _: self._refreshing.pop(name, None))
        await asyncio.wait({refresh}, timeout=shorter(self._soft_timeout))
        return _newer(refresh, found, came)

    async def _refresh(
        self, name: str, found: Found, loader: Loader, terms: Terms
    ) -> Answer | None:
        return await self._run(self._plan.refresh(name, found, terms), one(name, loader))

    async def _refetch(self, key: str, loader: Loader, terms: Terms) -> Any:
        name = self._keys.entry(key)
        self._forbid_own(name)
        steps = self._plan.fetch([name], terms, is_forced=True)
        return (await self._run(steps, one(name, loader)))[name].value

    async def _unlink(self, keys: list[str], entries: Collection[str]) -> bool:
        for name in entries:
            self._flights.pop(name, None)  # its value may be older than this call
        return await self._send(unlink(keys)) is not None

    # The server is away ----------------------------------------------------------------------

    async def _pay(self) -> None:
        """Deliver what is owed, as soon as the server takes it."""
        while True:
            await asyncio.sleep(PAUSE)
            with suppress(ValkeyRedisError):
                owed = self._debts.owed()
                queued = self.client.breakers.served(unlink(owed))
                if queued:
                    await self.client.attempt(queued)
                if self._debts.delivered({key: owed[key] for key in deleted(queued)}):
                    return


def one(name: str, loader: Loader) -> LoadMany:
    """Return the loader of one value as a loader of many."""

    async def load(_: list[str]) -> dict[str, Any]:
        return {name: await loader()}

    return load


def _newer(refresh: "asyncio.Task[Answer | None]", found: Found, came: float) -> Any:
    """Return the refreshed value if there is one by now that the caller may have, else the old one."""
    if refresh.done() and not refresh.cancelled() and refresh.exception() is None:
        answer = refresh.result()
        if answer is not None and came <= answer.as_of:
            return answer.value
    return found.value
