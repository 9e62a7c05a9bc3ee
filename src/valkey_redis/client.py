"""The two clients: `ValkeyClient` and `AsyncValkeyClient`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from valkey_redis import commands, scripts
from valkey_redis.breakers import AsyncBreakers, Breakers
from valkey_redis.calling import Call, Caller
from valkey_redis.codec import JSON, Codec
from valkey_redis.commands import Command, Key, Lifetime
from valkey_redis.config import ValkeyConfig
from valkey_redis.deadline import ENDS, within
from valkey_redis.driver import AsyncRawClient, RawClient, aconnect, connect
from valkey_redis.errors import ValkeyRedisError, is_unknown_script
from valkey_redis.listening import listener
from valkey_redis.observability import Observer, Observers
from valkey_redis.pipeline import AsyncPipeline, Pipeline
from valkey_redis.pubsub import AsyncPubSub, PubSub
from valkey_redis.scripts import Script

if TYPE_CHECKING:
    from valkey_redis.lock import AsyncLock, Lock

R = TypeVar("R")
SCAN_COUNT = 500  # keys that the server looks at in one step of SCAN


def _config(config: ValkeyConfig | str | None) -> ValkeyConfig:
    return ValkeyConfig(url=config) if isinstance(config, str) else config or ValkeyConfig()


class ValkeyClient:
    """The basic operations with JSON values, over a standalone server, Sentinel or a cluster.

    `config` is the settings, or a URL, or nothing for the environment's settings; `raw` is
    a driver's client to use instead (say, fakeredis). Safe to share between threads. Every
    method raises ServerUnavailableError when there is no server, ServerTimeoutError when it
    does not answer in time, CommandError when it refuses, InvalidArgumentError for a value
    that it does not take; reading raises CorruptValueError for bytes that are not the codec's.
    """

    def __init__(
        self,
        config: ValkeyConfig | str | None = None,
        *,
        raw: RawClient | None = None,
        codec: Codec[Any] = JSON,
        observers: Sequence[Observer] = (),
    ) -> None:
        settings = None if raw else _config(config)
        self.config = settings  # None for a client that was given as `raw`
        self.observers = Observers(observers)
        self._caller = Caller(settings.address if settings else None, self.observers)
        with self._caller:
            self.raw = raw or connect(settings)
        server = self._caller.server
        self.breakers = Breakers(self._ask, self.raw, server, self.observers.on_breaker)
        self._caller.breakers = self.breakers
        if self.observers and hasattr(self.raw, "on_retry"):
            self.raw.on_retry = partial(self.observers.on_retry, server)
        # A client that was given as `raw` has none of these: it repeats as it was told.
        self._execute_once = getattr(self.raw, "execute_once", self.raw.execute_command)
        self._execute_repeatable = getattr(self.raw, "execute_repeatable", self.raw.execute_command)
        self._codec = codec

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._caller.server})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over slots, so that only those with one hash tag go together."""
        return hasattr(self.raw, "keyslot")

    def close(self) -> None:
        """Close the pool's connections; the client opens new ones if it is used again."""
        self.breakers.close()
        self.raw.close()

    def get(self, key: Key) -> Any:
        """Return the value, or None if there is no such key (or the value is None)."""
        return self.send(commands.get(self._codec, key))

    def set(self, key: Key, value: Any, ex: Lifetime | None = None) -> None:
        """Store the value; with `ex` it expires after so many seconds, else any expiry is gone."""
        self.send(commands.set_(self._codec, key, value, ex))

    def delete(self, *keys: Key) -> int:
        """Delete the keys in one round trip; return how many there were."""
        return sum(self.send_all(commands.delete(keys)))

    def exists(self, *keys: Key) -> int:
        """Return how many of the keys exist; one named twice counts twice."""
        return sum(self.send_all(commands.exists(keys)))

    def incr(self, key: Key, amount: int = 1, ex: Lifetime | None = None) -> int:
        """Add to a counter, return its new value; with `ex` it expires so long after its first use."""
        if ex is None:
            return self.send(commands.incr(key, amount))
        return self.send(commands.incr_expiring(scripts.load("incr"), key, amount, ex))

    def expire(self, key: Key, ex: Lifetime) -> bool:
        """Let the key expire in `ex` seconds; return whether there is such a key."""
        return self.send(commands.expire(key, ex))

    def ttl(self, key: Key) -> float | None:
        """Return the seconds until the key expires: None if never, 0 if there is no such key."""
        return self.send(commands.ttl(key))

    def scan(self, match: str = "*") -> Iterator[str]:
        """Yield the names of all keys that match, some perhaps twice, without blocking the server."""
        with self._caller:
            for key in self.raw.scan_iter(match=match, count=SCAN_COUNT):
                yield key.decode() if isinstance(key, bytes) else key

    def pipeline(self, *, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline: several commands in one round trip."""
        return Pipeline(self.raw, self._codec, self._caller, transaction=transaction)

    def publish(self, channel: str, value: Any) -> int:
        """Send the value to the channel's subscribers; return how many the answering node had."""
        return self.send(commands.publish(self._codec, channel, value))

    def pubsub(self, *channels: str, near: str | None = None) -> PubSub:
        """Return a context manager that listens to the channels.

        With `near`, a key, it listens on a connection of its own, beside the pool's, at the
        node that serves the key: what that node publishes is counted there.
        """
        open_ = self.raw.pubsub if near is None else partial(listener, self.raw, near)
        return PubSub(open_, channels, self._codec, self._caller)

    def lock(
        self,
        name: str,
        timeout: Lifetime = 10.0,
        *,
        sleep: Lifetime | None = None,
        blocking: bool = True,
        blocking_timeout: Lifetime | None = None,
        thread_local: bool = True,
    ) -> "Lock":
        """Return a lock of this name; nothing is sent yet. See `Lock`, which has more settings."""
        from valkey_redis.lock import Lock  # noqa: PLC0415 - it is built upon this module

        return Lock(
            self,
            name,
            timeout,
            sleep=sleep,
            blocking=blocking,
            blocking_timeout=blocking_timeout,
            thread_local=thread_local,
        )

    def run(self, script: Script, keys: Sequence[Key] = (), args: Sequence[Any] = ()) -> Any:
        """Run a script, which must name every key that it touches; return the server's reply."""
        return self.send(commands.call(script, keys, args, _same))

    def is_healthy(self) -> bool:
        """Return whether the server answers a PING within the timeouts, asked once."""
        try:
            return self._ask(Command(("PING",), bool))
        except ValkeyRedisError:
            return False

    def attempt(self, queued: Sequence[Command[Any]], *, guarded: bool = True) -> list[Any]:
        """Send the commands in one round trip, once: nothing is sent again, not even a read.

        For callers that would rather do without the server than wait for its return.
        `guarded=False` asks a single command even while a breaker is open.
        """
        if len(queued) > 1:
            return self.send_all(queued)
        return [self._execute(self._execute_once, command, guarded) for command in queued]

    def send(self, command: Command[R], *, guarded: bool = True) -> R:
        """Send one command value; return what its reply means.

        `guarded=False` asks even while the server's breaker is open: for what has to be told.
        """
        execute = self._execute_repeatable if command.is_repeatable else self.raw.execute_command
        return self._execute(execute, command, guarded)

    def _ask(self, command: Command[R]) -> R:
        return self._execute(self._execute_once, command, guarded=False)

    def _execute(self, execute: Callable[..., Any], command: Command[R], guarded: bool) -> R:
        with Call(self._caller, (command,), guarded=guarded):
            try:
                reply = execute(*command.words)
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                reply = execute(*command.whole())
        return command.read(reply)

    def send_all(self, queued: Sequence[Command[R]]) -> list[R]:
        """Send the commands in one round trip; return what their replies mean, in order."""
        if len(queued) == 1:
            return [self.send(queued[0])]
        pipe = self.pipeline()
        for command in queued:
            pipe.add(command)
        return pipe.execute()


class AsyncValkeyClient:
    """The asyncio face of `ValkeyClient`; it belongs to the event loop that first uses it."""

    def __init__(
        self,
        config: ValkeyConfig | str | None = None,
        *,
        raw: AsyncRawClient | None = None,
        codec: Codec[Any] = JSON,
        observers: Sequence[Observer] = (),
    ) -> None:
        settings = None if raw else _config(config)
        self.config = settings  # None for a client that was given as `raw`
        self.observers = Observers(observers)
        self._caller = Caller(settings.address if settings else None, self.observers)
        with self._caller:
            self.raw = raw or aconnect(settings)
        server = self._caller.server
        self.breakers = AsyncBreakers(self._ask, self.raw, server, self.observers.on_breaker)
        self._caller.breakers = self.breakers
        if self.observers and hasattr(self.raw, "on_retry"):
            self.raw.on_retry = partial(self.observers.on_retry, server)
        # A client that was given as `raw` has none of these: it repeats as it was told.
        self._execute_once = getattr(self.raw, "execute_once", self.raw.execute_command)
        self._execute_repeatable = getattr(self.raw, "execute_repeatable", self.raw.execute_command)
        self._codec = codec

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._caller.server})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over slots, so that only those with one hash tag go together."""
        return hasattr(self.raw, "keyslot")

    async def close(self) -> None:
        """Close the pool's connections; the client opens new ones if it is used again."""
        self.breakers.close()
        await self.raw.aclose()

    async def get(self, key: Key) -> Any:
        """Return the value, or None if there is no such key (or the value is None)."""
        return await self.send(commands.get(self._codec, key))

    async def set(self, key: Key, value: Any, ex: Lifetime | None = None) -> None:
        """Store the value; with `ex` it expires after so many seconds, else any expiry is gone."""
        await self.send(commands.set_(self._codec, key, value, ex))

    async def delete(self, *keys: Key) -> int:
        """Delete the keys in one round trip; return how many there were."""
        return sum(await self.send_all(commands.delete(keys)))

    async def exists(self, *keys: Key) -> int:
        """Return how many of the keys exist; one named twice counts twice."""
        return sum(await self.send_all(commands.exists(keys)))

    async def incr(self, key: Key, amount: int = 1, ex: Lifetime | None = None) -> int:
        """Add to a counter, return its new value; with `ex` it expires so long after its first use."""
        if ex is None:
            return await self.send(commands.incr(key, amount))
        return await self.send(commands.incr_expiring(scripts.load("incr"), key, amount, ex))

    async def expire(self, key: Key, ex: Lifetime) -> bool:
        """Let the key expire in `ex` seconds; return whether there is such a key."""
        return await self.send(commands.expire(key, ex))

    async def ttl(self, key: Key) -> float | None:
        """Return the seconds until the key expires: None if never, 0 if there is no such key."""
        return await self.send(commands.ttl(key))

    async def scan(self, match: str = "*") -> AsyncIterator[str]:
        """Yield the names of all keys that match, some perhaps twice, without blocking the server."""
        keys = aiter(self.raw.scan_iter(match=match, count=SCAN_COUNT))
        with self._caller:
            while (key := await within(anext(keys, None))) is not None:
                yield key.decode() if isinstance(key, bytes) else key

    def pipeline(self, *, transaction: bool = False) -> AsyncPipeline:
        """Return an empty pipeline: several commands in one round trip."""
        return AsyncPipeline(self.raw, self._codec, self._caller, transaction=transaction)

    async def publish(self, channel: str, value: Any) -> int:
        """Send the value to the channel's subscribers; return how many the answering node had."""
        return await self.send(commands.publish(self._codec, channel, value))

    def pubsub(self, *channels: str, near: str | None = None) -> AsyncPubSub:
        """Return a context manager that listens to the channels.

        With `near`, a key, it listens on a connection of its own, beside the pool's, at the
        node that serves the key: what that node publishes is counted there.
        """
        open_ = self.raw.pubsub if near is None else partial(listener, self.raw, near)
        return AsyncPubSub(open_, channels, self._codec, self._caller)

    def lock(
        self,
        name: str,
        timeout: Lifetime = 10.0,
        *,
        sleep: Lifetime | None = None,
        blocking: bool = True,
        blocking_timeout: Lifetime | None = None,
        thread_local: bool = True,
    ) -> "AsyncLock":
        """Return a lock of this name; nothing is sent yet. See `Lock`, which has more settings."""
        from valkey_redis.lock import AsyncLock  # noqa: PLC0415 - it is built upon this module

        return AsyncLock(
            self,
            name,
            timeout,
            sleep=sleep,
            blocking=blocking,
            blocking_timeout=blocking_timeout,
            thread_local=thread_local,
        )

    async def run(self, script: Script, keys: Sequence[Key] = (), args: Sequence[Any] = ()) -> Any:
        """Run a script, which must name every key that it touches; return the server's reply."""
        return await self.send(commands.call(script, keys, args, _same))

    async def is_healthy(self) -> bool:
        """Return whether the server answers a PING within the timeouts, asked once."""
        try:
            return await self._ask(Command(("PING",), bool))
        except ValkeyRedisError:
            return False

    async def attempt(self, queued: Sequence[Command[Any]], *, guarded: bool = True) -> list[Any]:
        """Send the commands in one round trip, once: nothing is sent again, not even a read.

        For callers that would rather do without the server than wait for its return.
        `guarded=False` asks a single command even while a breaker is open.
        """
        if len(queued) > 1:
            return await self.send_all(queued)
        return [await self._execute(self._execute_once, command, guarded) for command in queued]

    async def send(self, command: Command[R], *, guarded: bool = True) -> R:
        """Send one command value; return what its reply means.

        `guarded=False` asks even while the server's breaker is open: for what has to be told.
        """
        execute = self._execute_repeatable if command.is_repeatable else self.raw.execute_command
        return await self._execute(execute, command, guarded)

    async def _ask(self, command: Command[R]) -> R:
        return await self._execute(self._execute_once, command, guarded=False)

    async def _execute(
        self, execute: Callable[..., Awaitable[Any]], command: Command[R], guarded: bool
    ) -> R:
        with Call(self._caller, (command,), guarded=guarded):
            run = execute if ENDS.get() is None else partial(_in_time, execute)
            try:
                reply = await run(*command.words)
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                reply = await run(*command.whole())
        return command.read(reply)

    async def send_all(self, queued: Sequence[Command[R]]) -> list[R]:
        """Send the commands in one round trip; return what their replies mean, in order."""
        if len(queued) == 1:
            return [await self.send(queued[0])]
        pipe = self.pipeline()
        for command in queued:
            pipe.add(command)
        return await pipe.execute()


async def _in_time(execute: Callable[..., Awaitable[Any]], *words: Any) -> Any:
    return await within(execute(*words))


def _same(reply: Any) -> Any:
    return reply
