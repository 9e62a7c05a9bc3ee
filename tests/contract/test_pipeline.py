"""Pipelines, over every backend, face and driver."""

from typing import Any

import pytest
import valkey
from tests.contract.conftest import Place
from tests.support.backends import Kind, every_kind

from valkey_redis import CommandError, CorruptValueError, InvalidArgumentError
from valkey_redis.embedded import EmbeddedServer

KEYS = [f"key:{number}" for number in range(12)]


@pytest.mark.parametrize("transaction", [False, True], ids=["plain", "transaction"])
async def test_values_come_in_the_order_of_the_commands(
    place: Place, client: Any, transaction: bool
) -> None:
    """Each command gives its own value, as the client's method of that name would."""
    if place.backend == "cluster":
        transaction = False  # refused there: see below
    pipeline = client.pipeline(transaction=transaction)
    pipeline.set("a", {"x": [1]}).set("b", None, ex=100).get("a").get("b").get("missing")
    pipeline.incr("n").incr("n", 4).exists("a").exists("missing").delete("a").delete("a")
    pipeline.expire("n", 50).expire("missing", 50).ttl("n").ttl("missing").ttl("b")
    *values, n_left, none_left, b_left = await pipeline.execute()
    assert values == [None, None, {"x": [1]}, None, None, 1, 5, 1, 0, 1, 0, True, False]
    assert 40 < n_left <= 50
    assert none_left == 0
    assert 90 < b_left <= 100


async def test_keys_may_lie_in_several_slots(client: Any) -> None:
    """A pipeline's order is kept although a cluster answers from several nodes."""
    pipeline = client.pipeline()
    for key in KEYS:
        pipeline.set(key, key)
    assert await pipeline.execute() == [None] * len(KEYS)
    for key in reversed(KEYS):
        pipeline.get(key)
    assert await pipeline.execute() == KEYS[::-1]


async def test_an_empty_pipeline_is_no_round_trip(client: Any) -> None:
    """Nothing queued gives no values; after execute() the pipeline is empty again."""
    pipeline = client.pipeline()
    assert await pipeline.execute() == []
    await pipeline.incr("n").execute()
    assert await pipeline.execute() == []
    assert await client.get("n") == 1


@pytest.mark.parametrize("transaction", [False, True], ids=["plain", "transaction"])
async def test_one_failing_command_does_not_stop_the_others(
    place: Place, client: Any, transaction: bool
) -> None:
    """The commands before and after a refused one run; its error is raised as ours, in one line."""
    if place.backend == "cluster":
        transaction = False
    await client.raw.execute_command("RPUSH", "list", "item")
    pipeline = client.pipeline(transaction=transaction).incr("before").incr("list").incr("after")
    with pytest.raises(CommandError, match="WRONGTYPE") as caught:
        await pipeline.execute()
    assert len(str(caught.value).splitlines()) == 1
    assert [await client.get("before"), await client.get("after")] == [1, 1]


async def test_an_error_is_worded_as_outside_a_pipeline(client: Any) -> None:
    """The message does not repeat the commands, whose values may be secret."""
    await client.raw.execute_command("RPUSH", "list", "item")
    with pytest.raises(CommandError) as alone:
        await client.incr("list", 424242)
    with pytest.raises(CommandError) as piped:
        await client.pipeline().set("k", "hunter2").incr("list", 424242).execute()
    assert str(alone.value) == str(piped.value)


async def test_the_first_error_is_the_one_raised(client: Any) -> None:
    """Of several errors, the first command's is raised."""
    await client.set("text", "text")
    await client.raw.execute_command("RPUSH", "list", "item")
    with pytest.raises(CommandError, match="not an integer"):
        await client.pipeline().incr("text").get("list").execute()
    with pytest.raises(CommandError, match="WRONGTYPE"):
        await client.pipeline().get("list").incr("text").execute()


async def test_corrupt_bytes_are_corrupt_in_a_pipeline_too(client: Any) -> None:
    """A pipelined get checks the bytes as get() does."""
    await client.raw.execute_command("SET", "k", b"{")
    with pytest.raises(CorruptValueError):
        await client.pipeline().get("k").execute()


async def test_a_wrong_argument_is_refused_when_it_is_queued(client: Any) -> None:
    """What the server would not take is refused at once, and nothing of it is queued."""
    pipeline = client.pipeline()
    for call in (
        lambda: pipeline.set("k", 1, ex=0),
        lambda: pipeline.set("k", {1}),
        lambda: pipeline.incr("k", 0.5),
        lambda: pipeline.expire("k", -1),
    ):
        with pytest.raises(InvalidArgumentError):
            call()
    assert await pipeline.execute() == []


async def test_a_cluster_refuses_a_transaction(place: Place, client: Any) -> None:
    """A cluster's pipeline goes to several nodes, so it cannot be one: nothing of it is sent."""
    pipeline = client.pipeline(transaction=True).incr("n")
    if place.backend != "cluster":
        assert await pipeline.execute() == [1]
        return
    with pytest.raises(CommandError, match=r"transaction=True.*several nodes"):
        await pipeline.execute()
    assert await client.exists("n") == 0


@every_kind
async def test_a_transaction_is_sent_as_multi_and_exec(kind: Kind, server: EmbeddedServer) -> None:
    """transaction=True is one MULTI/EXEC, between which the server runs nothing else."""
    async with kind.client(server.url) as client:
        await client.set("n", 0)
        with valkey.Valkey(port=server.port) as witness:
            witness.config_resetstat()
            await client.pipeline().incr("n").incr("n").execute()
            assert _calls(witness) == {"incrby": 2}
            await client.pipeline(transaction=True).incr("n").incr("n").execute()
            assert _calls(witness) == {"incrby": 4, "multi": 1, "exec": 1}


def _calls(witness: valkey.Valkey) -> dict[str, int]:
    stats = witness.info("commandstats")
    names = ("incrby", "multi", "exec")
    return {name: stats[f"cmdstat_{name}"]["calls"] for name in names if f"cmdstat_{name}" in stats}
