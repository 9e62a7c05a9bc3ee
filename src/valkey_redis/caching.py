"""What both faces of the cache have in common: the settings, the counts, the errors' handling."""

import contextvars
import random
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from valkey_redis.breakers import is_outage
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.debts import Debts
from valkey_redis.entry import Found, Terms
from valkey_redis.errors import (
    AuthenticationError,
    CircuitOpenError,
    CommandError,
    InvalidArgumentError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.filling import Answer, Plan
from valkey_redis.keys import CacheKeys
from valkey_redis.news import News

C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
EVENTS = ("hit", "miss", "stale", "shared", "load", "load_error", "refused", "corrupt", "error")
LONGEST_LEASE = 3_600_000  # milliseconds: what lease.lua takes for one
# What a caller of the cache does not see: it does without.
DOWN = (ServerUnavailableError, AuthenticationError, CommandError)
ATTEMPTS = 3  # flights that one caller joins before it loads for itself


@dataclass(slots=True)
class Loading:
    """A load of entries of one server's."""

    server: str
    entries: frozenset[str]
    is_over: bool = False


# The loads that this thread or task is in: to wait for one of them would be for ever.
LOADING: contextvars.ContextVar[tuple[Loading, ...]] = contextvars.ContextVar("LOADING", default=())


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What one cache object has done since it was made; seconds.

    A `stale` answer counts as neither hit nor miss; `shared` are those who waited for
    another caller's load; `refused` are fills that came after an invalidation; `error` are
    round trips without an answer.
    """

    counts: Mapping[str, int]
    load_seconds: float

    @property
    def hit_ratio(self) -> float | None:
        """Return hits / (hits + misses); None before the first of either."""
        asked = self.counts["hit"] + self.counts["miss"]
        return self.counts["hit"] / asked if asked else None


class CacheBase(Generic[C]):
    """Settings and accounts; see `Cache`."""

    def __init__(
        self,
        client: C,
        *,
        namespace: str = "app",
        codec: Codec[Any] = JSON,
        ttl: Lifetime = 300,
        negative_ttl: Lifetime | None = None,
        stale_ttl: Lifetime | None = None,
        soft_timeout: float = 0.0,
        jitter: float = 0.1,
        beta: float = 1.0,
        lease: Lifetime = 5.0,
        throw_on_corrupt: bool = False,
    ) -> None:
        for name, value, most in (
            ("jitter", jitter, 0.9),
            ("beta", beta, 100),
            ("soft_timeout", soft_timeout, 3600),
        ):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= most:
                raise InvalidArgumentError(f"{name}={value!r:.40}: takes 0 to {most}")
        pool = getattr(client.raw, "connection_pool", None)
        if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
            raise InvalidArgumentError(
                "client: a cache takes one that returns bytes, not decode_responses=True"
            )
        self.client: C = client
        self.namespace = namespace
        self._keys = CacheKeys(namespace, is_cluster=client.is_cluster)
        self._dice = random.Random()  # noqa: S311 - for jitter and early refresh; tokens are from `secrets`
        self._lease = milliseconds("lease", lease)
        if self._lease > LONGEST_LEASE:
            raise InvalidArgumentError(f"lease={lease!r:.40}: takes an hour at most")
        self._plan = Plan(self._keys, throw_on_corrupt, self._lease, self._dice)
        self._soft_timeout = soft_timeout
        self._negative_ttl, self._stale_ttl = negative_ttl, stale_ttl
        self._jitter, self._beta, self._codec = jitter, beta, codec
        self._ttl = ttl
        self._terms = self.terms()
        self._debts = Debts(self._keys.epochs())
        self._news = News("valkey_redis.cache")
        self._counts = dict.fromkeys(EVENTS, 0)
        self._load_seconds = 0.0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r}, namespace={self.namespace!r})"

    def terms(
        self,
        *,
        ttl: Lifetime | None = None,
        negative_ttl: Lifetime | None = None,
        stale_ttl: Lifetime | None = None,
        tags: Sequence[str] = (),
        codec: Codec[Any] | None = None,
        beta: float | None = None,
    ) -> Terms:
        """Return the cache's own terms, with these changes.

        Raises InvalidArgumentError for a lifetime of 0, a negative one or NaN, and for a
        tag that is no text; `stale_ttl` may be 0: nothing is served stale.
        """
        if isinstance(tags, str) or not all(isinstance(tag, str) and tag for tag in tags):
            raise InvalidArgumentError(f"tags={tags!r:.60}: takes a list of texts, none empty")
        lifetime = milliseconds("ttl", self._ttl if ttl is None else ttl)
        negative = self._negative_ttl if negative_ttl is None else negative_ttl
        stale = self._stale_ttl if stale_ttl is None else stale_ttl
        return Terms(
            lifetime,
            lifetime if negative is None else milliseconds("negative_ttl", negative),
            milliseconds("stale_ttl", stale) if stale else 0,
            self._jitter,
            self._beta if beta is None else beta,
            codec or self._codec,
            tuple(dict.fromkeys(tags)),
        )

    def get_stats(self) -> CacheStats:
        """Return what this object has done so far; every process and object counts for itself."""
        with self._lock:
            return CacheStats(dict(self._counts), self._load_seconds)

    def _count(self, event: str, seconds: float = 0.0, times: int = 1) -> None:
        if not times:
            return
        with self._lock:
            self._counts[event] += times
            if event == "load":
                self._load_seconds += seconds
        if self.client.observers:
            self.client.observers.on_cache(self.namespace, event, seconds, times)

    def _failed(self, queued: Sequence[Command[Any]], error: ValkeyRedisError) -> None:
        """Take note that there is no answer, and of what was to be deleted."""
        if not isinstance(error, CircuitOpenError):
            self._count("error")
            if not is_outage(error):  # of which the breaker tells
                self._news.warn(type(error).__name__, "not cached: %s", error)
        self._debts.add(deleted(queued))

    def _note(self, found: Mapping[str, Found]) -> None:
        for item in found.values():
            if item.corrupt:
                self._count("corrupt")

    def _fresh(
        self,
        names: Mapping[str, str],
        looked: tuple[Mapping[str, Any], Mapping[str, Found]],
    ) -> dict[str, Any]:
        """Return the fresh values by key, counted."""
        values, others = looked
        self._note(others)
        self._count("hit", times=len(values))
        self._count("miss", times=len(names) - len(values))
        return {key: values[name] for name, key in names.items() if name in values}

    def _given(self, names: Mapping[str, str], answers: Mapping[str, Answer]) -> dict[str, Any]:
        """Return the answers' values by key, counted."""
        loaded = sum(answer.is_loaded for answer in answers.values())
        self._count("hit", times=len(answers) - loaded)
        self._count("miss", times=len(names) - len(answers) + loaded)
        return {key: answers[name].value for name, key in names.items() if name in answers}

    @contextmanager
    def _loading(self, entries: Collection[str]) -> Iterator[None]:
        """Note that the block loads these."""
        load = Loading(repr(self.client), frozenset(entries))
        mark = LOADING.set((*LOADING.get(), load))
        try:
            yield
        finally:
            load.is_over = True  # a task that the loader left behind still has the note
            LOADING.reset(mark)

    def _forbid_own(self, *entries: str) -> None:
        """Raise InvalidArgumentError if the caller is itself loading one of these."""
        for load in LOADING.get():
            if load.is_over or load.server != repr(self.client):
                continue
            for name in load.entries.intersection(entries):
                raise InvalidArgumentError(f"{name}: its own loader asks the cache for it")


def deleted(queued: Sequence[Command[Any]]) -> list[str]:
    """Return the keys that the commands delete."""
    return [command.words[1] for command in queued if command.words[0] == "UNLINK"]
