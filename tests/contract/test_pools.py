"""Many callers at once over a pool of a few connections."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import valkey
from tests.support.backends import DRIVERS, Kind

from valkey_redis import ServerUnavailableError, ValkeyClient, ValkeyConfig

CALLERS = 500
SIZE = 5
PATIENT = {"timeout": 30, "pool_timeout": 30, "max_connections": SIZE}
each_driver = pytest.mark.parametrize("driver", DRIVERS)
each_server = pytest.mark.parametrize("place", ["server", "cluster"])


def _connections(place: Any, name: str) -> list[int]:
    """Return how many connections of that name each node has."""
    counts = []
    for node in getattr(place, "nodes", [place]):
        with valkey.Valkey(port=node.port) as client:
            counts.append(sum(row["name"] == name for row in client.client_list()))
    return counts


@each_driver
@each_server
async def test_500_tasks_share_5_connections(
    driver: str, place: str, request: pytest.FixtureRequest
) -> None:
    """A caller waits for a connection; none is refused, and no more are opened."""
    target = request.getfixturevalue(place)
    name = f"gather-{driver}"
    kind = Kind("async", driver)
    async with kind.client(target.url, **PATIENT, client_name=name) as client:
        keys = [f"key:{number}" for number in range(CALLERS)]
        await asyncio.gather(*(client.set(key, key) for key in keys))
        assert keys == await asyncio.gather(*map(client.get, keys))
        counts = _connections(target, name)
        discovery = place == "cluster"  # which may have a connection of its own
        assert 0 < max(counts) <= SIZE + discovery


@each_driver
async def test_the_first_commands_may_come_at_once(driver: str, cluster: Any) -> None:
    """A new client of a cluster loses no connection to its own discovery of the nodes."""
    for _ in range(20):  # one new client in 20 did
        async with Kind("async", driver).client(cluster.url, **PATIENT) as client:
            await asyncio.gather(*(client.set(f"key:{number}", number) for number in range(50)))


@each_driver
@each_server
def test_50_threads_share_5_connections(
    driver: str, place: str, request: pytest.FixtureRequest
) -> None:
    """A sync client may be shared between threads, and its pool makes them wait."""
    target = request.getfixturevalue(place)
    name = f"threads-{driver}"
    url = Kind("sync", driver).url(target.url)
    keys = [f"key:{number}" for number in range(CALLERS)]
    with (
        ValkeyClient(ValkeyConfig(url=url, **PATIENT, client_name=name)) as client,
        ThreadPoolExecutor(50) as threads,
    ):
        list(threads.map(client.set, keys, keys))
        assert keys == list(threads.map(client.get, keys))
        assert 0 < max(_connections(target, name)) <= SIZE


@each_driver
async def test_a_cancelled_caller_takes_no_connection_with_it(driver: str, server: Any) -> None:
    """After many cancelled calls the pool is as large as before, and replies are not mixed up."""
    kind = Kind("async", driver)
    async with kind.client(server.url, timeout=30, pool_timeout=5, max_connections=2) as client:
        for number in range(20):
            await client.set(f"key:{number}", number)
        for number in range(20):
            tasks = [asyncio.create_task(client.get(f"key:{number}")) for _ in range(4)]
            for _ in range(number % 4):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert await client.get(f"key:{number}") == number


@pytest.mark.parametrize("face", ["sync", "async"])
@each_driver
async def test_a_pool_that_stays_full_is_an_error_of_ours(
    driver: str, face: str, server: Any
) -> None:
    """Whoever waited `pool_timeout` in vain is told so in one line."""
    kind = Kind(face, driver)
    settings = {"timeout": 30, "pool_timeout": 0.1, "max_connections": 1, "retry_attempts": 0}
    async with (
        kind.client(server.url, **settings) as client,
        client.pubsub("holds the only connection"),
    ):
        with pytest.raises(ServerUnavailableError) as caught:
            await client.get("k")
    assert len(str(caught.value).splitlines()) == 1


@each_driver
async def test_an_idle_connection_is_checked_before_it_is_used(driver: str, server: Any) -> None:
    """After `health_check_interval` of idleness a PING comes first; with 0 none does."""
    for interval, pings in ((30, 1), (0, 0)):
        config = ValkeyConfig(
            url=Kind("sync", driver).url(server.url), health_check_interval=interval
        )
        with ValkeyClient(config) as client, valkey.Valkey(port=server.port) as onlooker:
            client.set("a", 1)
            pool: Any = client.raw.connection_pool  # type: ignore[attr-defined]  # a driver's own
            connection = pool.get_connection("_") if driver == "valkey" else pool.get_connection()
            connection.next_health_check = 0  # as if it had been idle for so long
            pool.release(connection)
            onlooker.config_resetstat()
            client.get("a")
            stats = onlooker.info("commandstats")
            assert stats.get("cmdstat_ping", {"calls": 0})["calls"] == pings
