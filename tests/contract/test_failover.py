"""A primary dies: the clients of a cluster, and of a Sentinel, go on with its replica."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any

import pytest
import valkey
from tests.support.backends import KINDS, Kind, every_kind
from tests.support.waiting import auntil, until

from valkey_redis import (
    AsyncValkeyClient,
    DeadlineExceededError,
    ServerUnavailableError,
    deadline,
)
from valkey_redis.commands import Command
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster

QUICK = {"timeout": 0.5, "connect_timeout": 0.5, "retry_base": 0.01, "retry_cap": 0.05}
GROUP = "main"


async def _serves(client: Any) -> bool:
    """Return whether the client can write; no error but ServerUnavailableError is expected."""
    try:
        await client.set("k", "after")
    except ServerUnavailableError:
        return False
    return True


@pytest.mark.usefixtures("cluster")  # decides on the platform, and fails first if it must
async def test_a_cluster_client_follows_a_failover() -> None:
    """After a primary's crash every kind of client writes to the promoted replica, by itself."""
    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(EmbeddedCluster())
        clients = [
            await stack.enter_async_context(kind.client(cluster.url, **QUICK)) for kind in KINDS
        ]
        for client in clients:
            await client.set("k", "before")
            await client.set("a", 1)
        primary = cluster.primary_of("k")
        assert primary is not cluster.primary_of("a")
        primary.kill()
        # One uncovered slot does not refuse the others.
        assert [await client.get("a") for client in clients] == [1] * len(clients)
        for client, kind in zip(clients, KINDS, strict=True):
            await auntil(lambda client=client: _serves(client), f"{kind} serves again")
            assert await client.get("k") == "after"
            assert await client.pipeline().get("k").get("a").execute() == ["after", 1]
            assert {key async for key in client.scan()} == {"k", "a"}
            assert await client.is_healthy() is True
        assert cluster.primary_of("k") is not primary


async def test_a_connection_that_another_task_closes(cluster: EmbeddedCluster) -> None:
    """Closed while a command is about to be written, as valkey-py does to all when a node fails."""
    async with AsyncValkeyClient(cluster.url) as client:
        await client.set("n", 1)
        [connection] = client.raw.get_node_from_key("n")._connections
        write = connection._send_packed_command

        async def close_and_write(command: Any) -> None:
            await connection.disconnect(nowait=True)
            await write(command)

        connection._send_packed_command = close_and_write
        with pytest.raises(ServerUnavailableError, match="closed by another command"):
            await client.incr("n")
        assert await client.get("n") == 1


@every_kind
async def test_a_cluster_is_found_although_its_first_node_is_dead(
    kind: Kind, cluster: EmbeddedCluster
) -> None:
    """Any one of the URL's hosts will do."""
    dead = EmbeddedServer()
    with dead:
        pass
    hosts = f"{HOST}:{dead.port},{HOST}:{cluster.nodes[4].port}"
    async with kind.client(f"valkey+cluster://{hosts}", **QUICK) as client:
        await client.set("k", 1)
        assert await client.get("k") == 1


@every_kind
async def test_a_cluster_of_which_no_node_answers_is_unavailable(kind: Kind) -> None:
    """That is said, when the client is made or when it is first used."""
    dead = EmbeddedServer()
    with dead:
        pass

    async def use() -> None:
        async with kind.client(f"valkey+cluster://{HOST}:{dead.port}", **QUICK) as client:
            assert await client.is_healthy() is False
            await client.get("k")

    with pytest.raises(ServerUnavailableError) as caught:
        await use()
    assert len(str(caught.value).splitlines()) == 1


Watched = tuple[EmbeddedServer, EmbeddedServer, str]


@contextmanager
def _watch() -> Iterator[Watched]:
    """Yield a primary, its replica in step, and the URL of the Sentinel that watches them."""
    with ExitStack() as stack:
        primary = stack.enter_context(EmbeddedServer(settings={"repl-diskless-sync-delay": 0}))
        follow = {"replicaof": f"{HOST} {primary.port}"}
        replica = stack.enter_context(EmbeddedServer(settings=follow))
        with valkey.Valkey(port=replica.port) as node:
            until(
                lambda: node.info("replication")["master_link_status"] == "up",
                "the replica is in step",
            )
        group: dict[str, str | int] = {
            f"sentinel monitor {GROUP} {HOST} {primary.port}": 1,
            f"sentinel down-after-milliseconds {GROUP}": 500,
            f"sentinel failover-timeout {GROUP}": 2000,
        }
        sentinel = stack.enter_context(EmbeddedServer(sentinel=True, settings=group))
        with valkey.Valkey(port=sentinel.port) as node:
            until(
                lambda: len(node.execute_command("SENTINEL", "REPLICAS", GROUP)) == 1,
                "the Sentinel knows the replica",
            )
        yield primary, replica, f"valkey+sentinel://{HOST}:{sentinel.port}/{GROUP}"


@pytest.fixture(scope="module")
def watched(server: EmbeddedServer) -> Iterator[Watched]:
    """Return what a Sentinel watches, shared by the tests of this file."""
    assert server.is_running  # the fixture decides on the platform
    with _watch() as shared:
        yield shared


@every_kind
async def test_sentinel_says_where_the_primary_is(kind: Kind, watched: Watched) -> None:
    """The client asks the Sentinel, and talks to the primary: values, pub/sub, many at once."""
    primary, _, url = watched
    async with kind.client(url, **QUICK, max_connections=5, pool_timeout=30) as client:
        await client.raw.execute_command("FLUSHALL")
        await client.set("k", 1)
        with valkey.Valkey(port=primary.port) as node:
            assert node.get("k") == b"1"
        async with client.pubsub("news") as messages:
            await client.publish("news", 1)
            assert (await messages.get(timeout=10)).value == 1
        assert await client.pipeline(transaction=True).incr("n").get("n").execute() == [1, 1]
        assert await asyncio.gather(*(client.get("k") for _ in range(100))) == [1] * 100
        assert [key async for key in client.scan("k")] == ["k"]


@every_kind
async def test_an_unknown_service_is_unavailable(kind: Kind, watched: Watched) -> None:
    """A name that no Sentinel knows is said in one line."""
    url = watched[2].replace(GROUP, "nobody")
    async with kind.client(url, **QUICK) as client:
        with pytest.raises(ServerUnavailableError, match="nobody") as caught:
            await client.get("k")
        assert len(str(caught.value).splitlines()) == 1
        assert await client.is_healthy() is False


@every_kind
async def test_a_late_reply_of_its_primary_is_nobodys(kind: Kind, watched: Watched) -> None:
    """What a deadline cut off is answered later, on a connection that is used no more."""
    async with kind.client(watched[2], **QUICK, max_connections=1) as client:
        await client.set("k", 1)
        with deadline(0.1), pytest.raises(DeadlineExceededError):
            await client.send(Command(("BLPOP", "nothing", "0.2"), str))
        assert [await client.get("k") for _ in range(3)] == [1] * 3


@every_kind
async def test_a_hung_sentinel_is_asked_once_and_not_beyond_the_deadline(kind: Kind) -> None:
    """The settings say how often: what a driver does with its own Sentinels is not their affair."""
    slow = {"timeout": 60, "connect_timeout": 60, "retry_attempts": 0}
    with socket.create_server((HOST, 0)) as hung:
        url = f"valkey+sentinel://{HOST}:{hung.getsockname()[1]}/{GROUP}"
        async with kind.client(url, **slow) as client:
            with deadline(0.2), pytest.raises(DeadlineExceededError):
                await client.get("k")
        async with kind.client(url, **slow | {"timeout": 0.2}) as client:
            with pytest.raises(ServerUnavailableError):
                await client.get("k")
        hung.setblocking(False)
        assert _callers(hung) <= 3


def _callers(server: socket.socket) -> int:
    """Return how many have connected, and nobody has answered."""
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.usefixtures("server")
async def test_sentinel_clients_follow_a_failover() -> None:
    """After the primary's crash every kind of client writes to the promoted replica, by itself."""
    async with AsyncExitStack() as stack:
        primary, replica, url = stack.enter_context(_watch())
        clients = [await stack.enter_async_context(kind.client(url, **QUICK)) for kind in KINDS]
        for client in clients:
            await client.set("k", "before")
        primary.kill()
        for client, kind in zip(clients, KINDS, strict=True):
            await auntil(lambda client=client: _serves(client), f"{kind} serves again")
        with valkey.Valkey(port=replica.port) as node:
            assert node.execute_command("ROLE")[0] == b"master"
            assert node.get("k") == b'"after"'
