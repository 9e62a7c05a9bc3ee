"""The sync faces as awaitables, so that one `async def` test drives both."""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from valkey_redis import ValkeyClient
from valkey_redis.pipeline import Pipeline
from valkey_redis.pubsub import PubSub


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


class AwaitablePipeline:
    """A `Pipeline` whose execute() is awaited."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._sync = pipeline

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._sync, name)
        if name == "execute":
            return _awaitable(method)

        def chained(*args: Any, **kwargs: Any) -> Self:
            assert method(*args, **kwargs) is self._sync
            return self

        return chained


class AwaitablePubSub:
    """A `PubSub` with `async with`, an awaited get() and `async for`."""

    def __init__(self, pubsub: PubSub) -> None:
        self._sync = pubsub

    async def __aenter__(self) -> Self:
        self._sync.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sync.__exit__(kind, error, trace)

    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109 - the name of both faces
        """Return the next message, as the sync face does."""
        return self._sync.get(timeout)

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self._sync:
            yield message


class AwaitableClient:
    """A `ValkeyClient` whose methods are awaited, as an `AsyncValkeyClient`'s are."""

    def __init__(self, client: ValkeyClient) -> None:
        self.sync = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _awaitable(getattr(self.sync, name))

    def __repr__(self) -> str:
        return repr(self.sync)

    async def __aenter__(self) -> Self:
        self.sync.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sync.__exit__(kind, error, trace)

    @property
    def raw(self) -> Any:
        """The driver's client, whose methods are awaited too."""
        return _AwaitableRaw(self.sync.raw)

    async def scan(self, match: str = "*") -> AsyncIterator[str]:
        """Yield the names, as the sync face does."""
        for key in self.sync.scan(match):
            yield key

    def pipeline(self, *, transaction: bool = False) -> AwaitablePipeline:
        """Return the sync pipeline, wrapped."""
        return AwaitablePipeline(self.sync.pipeline(transaction=transaction))

    def pubsub(self, *channels: str) -> AwaitablePubSub:
        """Return the sync subscription, wrapped."""
        return AwaitablePubSub(self.sync.pubsub(*channels))


class _AwaitableRaw:
    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _awaitable(getattr(self._raw, name))
