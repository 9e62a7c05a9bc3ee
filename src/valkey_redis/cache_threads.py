"""What `Cache` does with threads: one flight for a key, refresh in the background, probes."""

import contextvars
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from valkey_redis.caching import ATTEMPTS, DOWN, CacheBase, deleted
from valkey_redis.client import ValkeyClient
from valkey_redis.commands import Command
from valkey_redis.deadline import check, remaining, shorter, unbounded
from valkey_redis.debts import PAUSE
from valkey_redis.entry import Found, Terms
from valkey_redis.errors import ValkeyRedisError
from valkey_redis.filling import NEVER, RENEWALS, TICKS, Answer, unlink
from valkey_redis.looking import Load, Send, Steps
from valkey_redis.watchdog import WATCHDOG

R = TypeVar("R")
LoadMany = Callable[[list[str]], Mapping[str, Any]]
REFRESHERS = 4  # threads that refresh stale values


class CacheThreads(CacheBase[ValkeyClient]):
    """The doing of `Cache`."""

    def __init__(self, client: ValkeyClient, **settings: Any) -> None:
        super().__init__(client, **settings)
        self._flights: dict[str, Future[Answer]] = {}
        self._refreshing: dict[str, Future[Answer | None]] = {}
        self._open()

    def _open(self) -> None:
        self._refreshers = ThreadPoolExecutor(REFRESHERS, "valkey_redis refresh")
        self._closed = threading.Event()
        self._payer = threading.Thread()  # not begun
        self._refreshing.clear()  # what was still to begin never will

    def _run(self, steps: Steps[R], load: LoadMany | None = None) -> R:
        """Do what the steps say; what goes wrong is raised inside of them."""
        try:
            step = next(steps)
            while True:
                result: Any = None
                try:
                    if isinstance(step, Send):
                        result = self._send(step.queued)
                    elif isinstance(step, Load):
                        assert load is not None  # noqa: S101 - only given with steps that load
                        result = self._load(step, load)
                    else:
                        time.sleep(step.seconds)
                except BaseException as error:  # noqa: BLE001 - the steps let go of their lease
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            answer: R = end.value
            return answer

    def _send(self, queued: list[Command[Any]]) -> list[Any] | None:
        if self._debts and self._debts.concern(queued):
            self._debts.add(deleted(queued))
        else:
            try:
                replies: list[Any] = self.client.attempt(queued)
            except DOWN as error:
                self._failed(queued, error)
            else:
                return replies
        if self._debts:
            self._begin_to_pay()
        return None

    def _load(self, step: Load, load: LoadMany) -> Mapping[str, Any]:
        begun = time.perf_counter()
        token = step.token
        try:
            with self._loading(step.entries):
                if token is None:
                    values = load(step.entries)
                else:
                    with WATCHDOG.every(self._lease / 3000, self._renewer(step.entries, token)):
                        values = load(step.entries)
        except Exception:
            self._count("load_error")
            raise
        self._count("load", time.perf_counter() - begun)
        return values

    def _renewer(self, entries: list[str], token: str) -> Callable[[], None]:
        left = iter(range(RENEWALS))

        def renew() -> None:
            if next(left, None) is not None:
                self._send(self._plan.renewals(entries, token))

        return renew

    def _get_or_set_many(
        self, keys: Collection[str], loader: LoadMany, terms: Terms
    ) -> dict[str, Any]:
        names = {self._keys.entry(key): key for key in keys}
        self._forbid_own(*names)

        def load(entries: list[str]) -> dict[str, Any]:
            given = loader([names[name] for name in entries])
            return {name: given[names[name]] for name in entries if names[name] in given}

        return self._given(names, self._run(self._plan.fetch(names, terms), load))

    # One flight for a key ----------------------------------------------------------------

    def _get_or_set(self, key: str, loader: Callable[[], Any], terms: Terms) -> Any:
        name = self._keys.entry(key)
        found = None
        # A caller who finds a flight joins it before asking the server anything.
        if name not in self._flights:
            found = self._look(name, terms)
        if found is not None:
            if found.fresh_for > 0:
                self._count("hit")
                if terms.may_be_due(found) and terms.is_due(found, self._dice.random()):
                    return self._early(name, found, loader, terms)
                return found.value
            if found.fresh_for > -terms.stale_ttl:
                self._count("stale")
                return self._stale(name, found, loader, terms)
        self._count("miss")
        return self._fly(name, found, loader, terms)

    def _look(self, name: str, terms: Terms) -> Found | None:
        if not terms.tags:
            replies = self._send([self._plan.first(name, terms)])
            if replies is None:
                return None
            found: Found = replies[0]
            if not (found.tags or found.corrupt):
                return found
            looked: dict[str, Found] | None = self._run(self._plan.check({name: found}, {}, terms))
        else:
            looked = self._run(self._plan.look((name,), terms))
        if looked is None:
            return None
        self._note(looked)
        return looked[name]

    def _fly(self, name: str, seen: Found | None, loader: Callable[[], Any], terms: Terms) -> Any:
        self._forbid_own(name)
        came = next(TICKS)
        for _ in range(ATTEMPTS):
            mine: Future[Answer] = Future()
            flight = self._flights.setdefault(name, mine)
            if flight is mine:
                return self._lead(name, mine, seen, loader, terms)
            try:
                answer = flight.result(shorter(RENEWALS * self._lease / 1000))
            except TimeoutError:
                if flight.done():
                    raise  # the loader's own
                check()
                break  # its leader hangs
            if came <= answer.as_of:
                self._count("shared")
                return answer.value
            seen = None  # what was seen is older than the flight
        return loader()

    def _lead(
        self,
        name: str,
        flight: Future[Answer],
        seen: Found | None,
        loader: Callable[[], Any],
        terms: Terms,
    ) -> Any:
        answer = Answer(None, NEVER)
        try:
            steps = self._plan.fetch([name], terms, {name: seen} if seen else None)
            answer = self._run(steps, lambda _: {name: loader()})[name]
        except Exception as error:
            self._land(name, flight)
            if remaining() != 0.0:  # for want of its own time it failed for itself alone
                flight.set_exception(error)  # once for all who wait, and for nobody who comes later
            raise
        finally:
            # Also if this thread is killed: the others fly again.
            self._land(name, flight)
            if not flight.done():
                flight.set_result(answer)
        if answer.as_of == NEVER:
            self._count("refused")
        return answer.value

    def _land(self, name: str, flight: Future[Answer]) -> None:
        if self._flights.get(name) is flight:
            self._flights.pop(name, None)

    # Refresh while the old value is served -------------------------------------------------

    def _early(self, name: str, found: Found, loader: Callable[[], Any], terms: Terms) -> Any:
        """Load anew in the caller's own thread: a refresh before the end is nobody else's errand."""
        try:
            answer = self._refresh(name, found, loader, terms)
        except Exception:  # noqa: BLE001 - counted by _load; the value at hand is fresh
            return found.value
        return answer.value if answer else found.value

    def _stale(self, name: str, found: Found, loader: Callable[[], Any], terms: Terms) -> Any:
        """Load anew in the background; return the old value unless the new one is there soon."""
        came = next(TICKS)
        with self._lock:
            refresh = self._refreshing.get(name)
            if refresh is None:
                with unbounded():  # it outlives its caller's deadline
                    context = contextvars.copy_context()
                refresh = self._refreshers.submit(
                    context.run, self._refresh_once, name, found, loader, terms
                )
                self._refreshing[name] = refresh
        try:
            answer = refresh.result(shorter(self._soft_timeout))
        except Exception:  # noqa: BLE001 - slow or failed (and counted): the old value serves
            return found.value
        return answer.value if answer and came <= answer.as_of else found.value

    def _refresh_once(
        self, name: str, found: Found, loader: Callable[[], Any], terms: Terms
    ) -> Answer | None:
        try:
            return self._refresh(name, found, loader, terms)
        finally:
            with self._lock:  # by now it is known to who else asks
                self._refreshing.pop(name, None)

    def _refresh(
        self, name: str, found: Found, loader: Callable[[], Any], terms: Terms
    ) -> Answer | None:
        return self._run(self._plan.refresh(name, found, terms), lambda _: {name: loader()})

    def _refetch(self, key: str, loader: Callable[[], Any], terms: Terms) -> Any:
        name = self._keys.entry(key)
        self._forbid_own(name)
        steps = self._plan.fetch([name], terms, is_forced=True)
        return self._run(steps, lambda _: {name: loader()})[name].value

    def _unlink(self, keys: list[str], entries: Collection[str]) -> bool:
        for name in entries:
            self._flights.pop(name, None)  # its value may be older than this call
        return self._send(unlink(keys)) is not None

    # The server is away ----------------------------------------------------------------------

    def _begin_to_pay(self) -> None:
        with self._lock:
            if self._debts.take_on(is_alive=self._payer.is_alive()):  # a fork leaves threads behind
                self._payer = threading.Thread(
                    target=self._pay, args=(self._closed,), name="valkey_redis debts", daemon=True
                )
                with suppress(RuntimeError):  # too many threads: the next who fails tries
                    self._payer.start()

    def _pay(self, closed: threading.Event) -> None:
        """Deliver what is owed, as soon as the server takes it."""
        while not closed.wait(PAUSE):
            with suppress(ValkeyRedisError):
                owed = self._debts.owed()
                queued = self.client.breakers.served(unlink(owed))
                if queued:
                    self.client.attempt(queued)
                if self._debts.delivered({key: owed[key] for key in deleted(queued)}):
                    return
