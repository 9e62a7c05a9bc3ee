"""Messages, over every backend, face and driver."""

import time
import uuid
from typing import Any

import pytest
from tests.contract.conftest import Place

from valkey_redis import InvalidArgumentError, Message
from valkey_redis.errors import CorruptValueError

SOON = 10.0  # seconds: an upper bound, reached only if the message never comes


@pytest.fixture
def news() -> str:
    """Return a new channel: a cluster's nodes may still pass on another test's messages."""
    return f"news:{uuid.uuid4()}"


async def test_what_is_published_right_after_entering_arrives(client: Any, news: str) -> None:
    """The subscription stands when the block begins: no message is lost, whatever its value."""
    async with client.pubsub(news, f"{news}:other") as messages:
        for value in ({"a": [1, None]}, None, "", False):
            await client.publish(news, value)
            assert await messages.get(timeout=SOON) == Message(news, value)
        await client.publish(f"{news}:other", 1)
        assert await messages.get(timeout=SOON) == Message(f"{news}:other", 1)


async def test_only_the_named_channels_are_heard(client: Any, news: str) -> None:
    """A message on another channel does not arrive."""
    async with client.pubsub(news) as messages:
        await client.publish(f"{news}:elsewhere", 1)
        await client.publish(news, 2)
        assert await messages.get(timeout=SOON) == Message(news, 2)
        assert await messages.get(timeout=0.05) is None


async def test_without_a_message_get_returns_none_in_time(client: Any, news: str) -> None:
    """get() waits no longer than its timeout, by far."""
    async with client.pubsub(news) as messages:
        started = time.monotonic()
        assert await messages.get(timeout=0.05) is None
        assert time.monotonic() - started < SOON
        assert await messages.get(timeout=0) is None


async def test_a_channel_named_twice_is_one(client: Any, news: str) -> None:
    """Entering does not wait for a second confirmation, and each message comes once."""
    async with client.pubsub(news, news) as messages:
        await client.publish(news, 1)
        assert await messages.get(timeout=SOON) == Message(news, 1)
        assert await messages.get(timeout=0.05) is None


async def test_messages_can_be_iterated(client: Any, news: str) -> None:
    """Iteration yields one message after the other, in the publisher's order."""
    async with client.pubsub(news) as messages:
        for number in range(3):
            await client.publish(news, number)
        heard = []
        async for message in messages:
            heard.append(message.value)
            if len(heard) == 3:
                break
    assert heard == [0, 1, 2]


async def test_every_subscriber_hears_and_one_who_left_does_not(
    place: Place, client: Any, news: str
) -> None:
    """A message reaches all who listen now; leaving the block ends the subscription."""
    async with place.connect() as other, client.pubsub(news) as first:
        async with other.pubsub(news) as second:
            await other.publish(news, "both")
            assert await first.get(timeout=SOON) == Message(news, "both")
            assert await second.get(timeout=SOON) == Message(news, "both")
        await client.publish(news, "one")
        assert await first.get(timeout=SOON) == Message(news, "one")


async def test_publish_counts_the_listeners(place: Place, client: Any, news: str) -> None:
    """publish() returns how many the answering node had: on a cluster, a lower bound."""
    assert await client.publish(news, 1) == 0
    async with client.pubsub(news):
        heard = await client.publish(news, 1)
        assert heard in ({0, 1} if place.backend == "cluster" else {1})


async def test_a_corrupt_message_is_said_and_the_next_one_read(client: Any, news: str) -> None:
    """Foreign bytes raise CorruptValueError; the subscription goes on."""
    async with client.pubsub(news) as messages:
        await client.raw.execute_command("PUBLISH", news, b"{")
        with pytest.raises(CorruptValueError):
            await messages.get(timeout=SOON)
        await client.publish(news, 2)
        assert await messages.get(timeout=SOON) == Message(news, 2)


async def test_no_channel_is_refused(client: Any) -> None:
    """Listening to nothing is a mistake, and is said."""
    with pytest.raises(InvalidArgumentError, match="takes one channel or more"):
        client.pubsub()
