"""How many of a client's connections are in use, read from the driver's pools; sends nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from valkey_redis.client import AsyncValkeyClient, ValkeyClient


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One pool: connections in use, open and free, and how many there may be at most."""

    server: str
    in_use: int
    idle: int
    max: int


def pool_use(client: ValkeyClient | AsyncValkeyClient) -> Iterator[PoolUse]:
    """Yield the use of each pool: one for a server, one a node for a cluster that was used.

    For a client that was given as `raw` there is none. The figures are read while others take
    connections and give them back: they are those of one moment, give or take one.
    """
    if client.config is None:
        return
    raw: Any = client.raw
    if not client.is_cluster:
        yield _of_pool(str(client.config.address), raw.connection_pool)
        return
    for node in list(raw.nodes_manager.nodes_cache.values()):
        if isinstance(client, AsyncValkeyClient):
            # A node of asyncio has no pool: the gate before all of them bounds it.
            free = len(node._free)  # noqa: SLF001 - the driver shows it nowhere else
            in_use = len(node._connections) - free  # noqa: SLF001 - as above
            yield PoolUse(node.name, max(in_use, 0), free, client.config.max_connections)
        else:
            server: Any = getattr(node, f"{client.config.address.driver}_connection")
            if server is not None:
                yield _of_pool(node.name, server.connection_pool)


def _of_pool(server: str, pool: Any) -> PoolUse:
    if hasattr(pool, "pool"):  # the threads' pools: a stack with a place for each connection
        places = list(pool.pool.queue)
        idle = len(places) - places.count(None)
        return PoolUse(server, pool.max_connections - len(places), idle, pool.max_connections)
    in_use, idle = pool._in_use_connections, pool._available_connections  # noqa: SLF001 - as in pool_use
    return PoolUse(server, len(in_use), len(idle), pool.max_connections)
