"""How the servers are and how the pools are used, as Prometheus scrapes it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import fakeredis
import pytest
import valkey
from prometheus_client import CollectorRegistry
from tests.support.backends import DRIVERS, KINDS, Kind, every_kind
from tests.support.faces import AwaitableClient
from tests.support.observing import samples
from tests.support.waiting import until

from valkey_redis import AsyncValkeyClient, ValkeyClient
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from valkey_redis.prometheus import ServerCollector

HASTY = 0.3  # seconds that a scrape of a hung server may take
TIMEOUT = 10.0  # seconds that others may take, on a machine that is busy
BOUND = 4.0  # seconds: so much later it would have hung


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


def registry_of(*clients: Any, timeout: float = TIMEOUT) -> CollectorRegistry:
    """Return a registry with a collector of the clients."""
    registry = CollectorRegistry(auto_describe=True)
    own = [client.sync if isinstance(client, AwaitableClient) else client for client in clients]
    registry.register(ServerCollector(*own, timeout=timeout))
    return registry


@every_kind
async def test_a_server_shows_how_it_is(own: EmbeddedServer, kind: Kind) -> None:
    """From INFO, by whatever client; what the server did is counted, as it counts."""
    async with kind.client(own.url) as client:
        await client.set("k", "v", ex=0.001)
        with valkey.Valkey(port=own.port) as node:
            until(lambda: node.info("stats")["expired_keys"], "it expires")
            await client.set("there", 1)
            assert [await client.get(key) for key in ("there", "there", "k")] == [1, 1, None]
            found = samples(registry_of(client))
            info = node.info()
        shard = f"shard={kind.url(own.url)}"
        assert found["valkey_shard_up", shard] == 1
        assert found["valkey_shard_memory_bytes", shard] == pytest.approx(
            info["used_memory"], rel=0.2
        )
        assert ("valkey_shard_memory_limit_bytes", shard) not in found
        assert found["valkey_shard_keyspace_hits_total", shard] == 2
        assert found["valkey_shard_keyspace_misses_total", shard] == 1
        assert found["valkey_shard_expired_keys_total", shard] == 1
        assert found["valkey_shard_evicted_keys_total", shard] == 0
        assert found["valkey_shard_ops_per_second", shard] >= 0
        assert found["valkey_shard_clients", shard] >= 2


def test_a_limit_and_evictions_are_shown(own: EmbeddedServer) -> None:
    """As the server has them now."""
    with valkey.Valkey(port=own.port) as node, ValkeyClient(own.config) as client:
        registry = registry_of(client)
        limit = node.info("memory")["used_memory"] + 100_000
        node.config_set("maxmemory-policy", "allkeys-random")
        node.config_set("maxmemory", limit)
        for i in range(50):
            node.set(f"k{i}", "x" * 10_000)
        found = samples(registry)
        assert found["valkey_shard_memory_limit_bytes", f"shard={own.url}"] == limit
        evicted = node.info("stats")["evicted_keys"]
        assert found["valkey_shard_evicted_keys_total", f"shard={own.url}"] == evicted > 0


@pytest.mark.parametrize(
    ("kind", "how"), [*((kind, "pause") for kind in KINDS), (KINDS[0], "kill")], ids=str
)
async def test_a_scrape_does_not_hang_with_the_server(
    own: EmbeddedServer, kind: Kind, how: str
) -> None:
    """It is not up, the rest is absent, and the next scrape after its return has it all."""
    async with kind.client(own.url, timeout=60, connect_timeout=60) as client:
        registry = registry_of(client)
        shard = f"shard={kind.url(own.url)}"
        assert samples(registry)["valkey_shard_up", shard] == 1
        getattr(own, how)()
        begun = time.monotonic()
        found = samples(registry_of(client, timeout=HASTY))
        assert time.monotonic() - begun < 2 * BOUND  # both formats are scraped
        own.resume() if how == "pause" else own.start()
        assert found["valkey_shard_up", shard] == 0
        assert {name for name, label, *_ in found if label == shard} == {"valkey_shard_up"}
        after = samples(registry)
        assert after["valkey_shard_up", shard] == 1
        assert ("valkey_shard_memory_bytes", shard) in after


def test_one_dead_server_of_several(server: EmbeddedServer, own: EmbeddedServer) -> None:
    """The other one's figures are there, and all of them are asked at once."""
    with ValkeyClient(server.config) as well, ValkeyClient(own.config) as hung:
        registry = registry_of(hung, well, timeout=1.0)
        own.pause()
        begun = time.monotonic()
        found = samples(registry)
        assert time.monotonic() - begun < 2 * BOUND
        own.resume()
    assert found["valkey_shard_up", f"shard={own.url}"] == 0
    assert found["valkey_shard_up", f"shard={server.url}"] == 1
    assert ("valkey_shard_memory_bytes", f"shard={server.url}") in found


def test_scrapes_at_the_same_time_share_what_is_asked(own: EmbeddedServer) -> None:
    """Twenty of them make one thread and one connection, and none waits for longer than it may."""
    with ValkeyClient(own.config) as client:
        collector = ServerCollector(client, timeout=HASTY)
        own.pause()
        most = 0

        def scrape(_: int) -> float:
            nonlocal most
            begun = time.monotonic()
            names = []
            for metric in collector.collect():
                names.append(metric.name)
                here = [thread.name for thread in threading.enumerate()]
                most = max(most, here.count("valkey_redis look"))
            assert "valkey_shard_up" in names
            return time.monotonic() - begun

        collector._inspectors[0].start()
        with ThreadPoolExecutor(20) as pool:
            slowest = max(pool.map(scrape, range(20)))
        own.resume()
        until(lambda: not _is_looking(), "the look is over")
        with valkey.Valkey(port=own.port) as node:
            assert node.info("stats")["total_connections_received"] <= 4
    assert most <= 1
    assert slowest < BOUND


def _is_looking() -> bool:
    return any(thread.name == "valkey_redis look" for thread in threading.enumerate())


def test_to_register_asks_nobody(own: EmbeddedServer) -> None:
    """A server that hangs when a program starts must not stop it; a name is taken only once."""
    own.pause()
    with ValkeyClient(own.config) as client:
        collector, registry = ServerCollector(client), CollectorRegistry(auto_describe=True)
        registry.register(collector)
        assert collector._inspectors[0]._flight is None
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            registry.register(ServerCollector(client))
    own.resume()


async def test_a_scrape_in_the_clients_own_loop(server: EmbeddedServer) -> None:
    """A synchronous scrape, as `generate_latest` is, needs nothing from the loop that it stops."""
    async with AsyncValkeyClient(server.config) as client:
        await client.set("k", 1)
        found = samples(registry_of(client))
        assert found["valkey_shard_up", f"shard={server.url}"] == 1
        elsewhere = await asyncio.to_thread(samples, registry_of(client))
        assert found.keys() == elsewhere.keys()
        assert await client.get("k") == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_cluster_shows_each_of_its_primaries(cluster: EmbeddedCluster, driver: str) -> None:
    """By host and port, which is how its breakers are called too."""
    with ValkeyClient(cluster.url.replace("valkey", driver, 1)) as client:
        found = samples(registry_of(client))
    up = {label: value for (name, label, *_), value in found.items() if name == "valkey_shard_up"}
    assert up == {f"shard={HOST}:{cluster.primary_of(key).port}": 1 for key in ("a", "b", "c")}


@contextmanager
def sentinel_of(primary: EmbeddedServer) -> Iterator[str]:
    """Start a Sentinel that watches the server; yield the URL of its group."""
    watch = {"sentinel monitor main": f"{HOST} {primary.port} 1"}
    with EmbeddedServer(sentinel=True, settings=watch) as sentinel:
        yield f"valkey+sentinel://{HOST}:{sentinel.port}/main"


@every_kind
async def test_a_server_behind_a_sentinel(own: EmbeddedServer, kind: Kind) -> None:
    """It is called by its group, which stays when the server is replaced; so is its pool."""
    with sentinel_of(own) as url:
        async with kind.client(url) as client:
            assert await client.is_healthy()
            found = samples(registry_of(client))
    assert found["valkey_shard_up", f"shard={kind.url(url)}"] == 1
    assert found["valkey_pool_connections", f"server={kind.url(url)}", "state=idle"] == 1


# Pools -----------------------------------------------------------------------------------


def pools(registry: CollectorRegistry, server: str) -> tuple[float, ...]:
    """Return the connections in use, idle and at most."""
    found = samples(registry)
    states = ("in_use", "idle", "max")
    return tuple(
        found["valkey_pool_connections", f"server={server}", f"state={state}"] for state in states
    )


@every_kind
async def test_a_pool_shows_its_use(server: EmbeddedServer, kind: Kind) -> None:
    """Before the first command, during some, and after them."""
    async with kind.client(server.url, max_connections=5) as client:
        registry, name = registry_of(client), kind.url(server.url)
        assert pools(registry, name) == (0, 0, 5)
        raw = client.sync.raw if isinstance(client, AwaitableClient) else client.raw
        named = ("PING",) if kind.driver == "valkey" else ()
        taken = [raw.connection_pool.get_connection(*named) for _ in range(3)]
        if kind.face == "async":
            taken = [await one for one in taken]
        assert pools(registry, name) == (3, 0, 5)
        for one in taken[:2]:
            released = raw.connection_pool.release(one)
            if kind.face == "async":
                await released
        assert pools(registry, name) == (1, 2, 5)
        released = raw.connection_pool.release(taken[2])
        if kind.face == "async":
            await released
        assert pools(registry, name) == (0, 3, 5)


@every_kind
async def test_the_pools_of_a_cluster_are_its_nodes(cluster: EmbeddedCluster, kind: Kind) -> None:
    """Each by its host and port; the one that was used has a connection."""
    async with kind.client(cluster.url, max_connections=7) as client:
        await client.set("k", 1)
        registry = registry_of(client)
        node = f"{HOST}:{cluster.primary_of('k').port}"
        in_use, idle, most = pools(registry, node)
        assert (in_use, most) == (0, 7)
        assert idle >= 1
        found = samples(registry)
        servers = {label for name, label, *_ in found if name == "valkey_pool_connections"}
        assert servers == {f"server={HOST}:{one.port}" for one in cluster.nodes}


async def test_two_clients_of_one_server_count_together(server: EmbeddedServer) -> None:
    """And the server is asked once."""
    async with AsyncValkeyClient(server.config) as one:
        with ValkeyClient(server.config) as two:
            await one.set("k", 1)
            two.get("k")
            collector = ServerCollector(one, two)
            assert len(collector._inspectors) == 1
            assert pools(registry_of(one, two), server.url) == (0, 2, 100)


def test_a_client_that_was_given_as_raw_shows_nothing() -> None:
    """Nobody knows where its server is."""
    client = ValkeyClient(raw=fakeredis.FakeValkey())  # type: ignore[arg-type]  # as in the other tests
    assert samples(registry_of(client)) == {}
