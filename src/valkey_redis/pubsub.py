"""Messages on channels: `PubSub` and `AsyncPubSub`.

A message reaches those who listen now, and nobody else: what is published while a
subscriber is away is lost to it. (https://valkey.io/topics/pubsub/) A cluster's nodes pass
messages on, so that one from shortly before the subscription may still arrive after it.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from valkey_redis.codec import Codec
from valkey_redis.deadline import check, shorter, within
from valkey_redis.errors import InvalidArgumentError, ServerTimeoutError, Translated

SUBSCRIBE_TIMEOUT = 5.0  # seconds until the server has confirmed every channel


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the channel's name and the decoded value."""

    channel: str
    value: Any


def _checked(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not channels:
        raise InvalidArgumentError("pubsub(): takes one channel or more")
    return channels


def _read(codec: Codec[Any], event: dict[str, Any] | None) -> Message | None:
    if event is None or event["type"] not in {"message", b"message"}:
        return None
    channel = event["channel"]
    name = channel.decode() if isinstance(channel, bytes) else channel
    return Message(name, codec.decode(event["data"]))


class PubSub:
    """Listen to channels: `with client.pubsub("news") as messages: messages.get(timeout=1)`.

    The server has confirmed the subscription when the block begins, so a message that is
    published from then on arrives.
    """

    def __init__(
        self,
        open_: Callable[[], Any],
        channels: tuple[str, ...],
        codec: Codec[Any],
        errors: Translated,
    ) -> None:
        self._open = open_
        self._channels = _checked(channels)
        self._codec = codec
        self._errors = errors

    def __enter__(self) -> Self:
        with self._errors:
            self._driver = self._open()
            try:
                self._subscribe()
            except BaseException:
                self.close()
                raise
        return self

    def _subscribe(self) -> None:
        self._driver.subscribe(*self._channels)
        confirmed, deadline = 0, time.monotonic() + SUBSCRIBE_TIMEOUT
        while confirmed < len(set(self._channels)):
            check()
            if time.monotonic() > deadline:
                raise ServerTimeoutError("the subscription was not confirmed")
            event = self._driver.get_message(timeout=0.1)
            confirmed += event is not None and event["type"] == "subscribe"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, as leaving the block does."""
        self._driver.close()
        if hasattr(self._driver, "own_pool"):
            self._driver.own_pool.disconnect()

    def get(self, timeout: float) -> Message | None:
        """Return the next message, or None after `timeout` seconds without one.

        Raises DeadlineExceededError if the deadline comes first; the subscription goes on.
        """
        check()
        ends = time.monotonic() + (shorter(timeout) or 0.0)
        while (left := ends - time.monotonic()) > 0:
            with self._errors:
                event = self._driver.get_message(timeout=left)
            if (message := _read(self._codec, event)) is not None:
                return message
        check()
        return None

    def __iter__(self) -> Iterator[Message]:
        while True:
            if (message := self.get(timeout=1.0)) is not None:
                yield message


class AsyncPubSub:
    """The asyncio face of `PubSub`: `async with client.pubsub("news") as messages`."""

    def __init__(
        self,
        open_: Callable[[], Any],
        channels: tuple[str, ...],
        codec: Codec[Any],
        errors: Translated,
    ) -> None:
        self._open = open_
        self._channels = _checked(channels)
        self._codec = codec
        self._errors = errors

    async def __aenter__(self) -> Self:
        with self._errors:
            self._driver = self._open()
            try:
                await within(self._subscribe())
            except BaseException:
                await self.close()
                raise
        return self

    async def _subscribe(self) -> None:
        await self._driver.subscribe(*self._channels)
        confirmed, deadline = 0, time.monotonic() + SUBSCRIBE_TIMEOUT
        while confirmed < len(set(self._channels)):
            if time.monotonic() > deadline:
                raise ServerTimeoutError("the subscription was not confirmed")
            event = await self._driver.get_message(timeout=0.1)
            confirmed += event is not None and event["type"] == "subscribe"

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening, as leaving the block does."""
        await self._driver.aclose()
        if hasattr(self._driver, "own_pool"):
            await self._driver.own_pool.disconnect()

    async def get(self, timeout: float) -> Message | None:  # noqa: ASYNC109 - a named parameter, as in the sync face
        """Return the next message, or None after `timeout` seconds without one.

        Raises DeadlineExceededError if the deadline comes first; the subscription goes on.
        """
        check()
        ends = time.monotonic() + (shorter(timeout) or 0.0)
        while (left := ends - time.monotonic()) > 0:
            with self._errors:
                event = await self._driver.get_message(timeout=left)
            if (message := _read(self._codec, event)) is not None:
                return message
        check()
        return None

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            if (message := await self.get(timeout=1.0)) is not None:
                yield message
