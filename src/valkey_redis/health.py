"""Is it alive, is it ready, and how are the servers: `ValkeyHealth`, `AsyncValkeyHealth`.

*Live* is about this process alone: whoever asks restarts what is not, and a restart mends no
server. *Ready* is about work: it is, as soon as one server or shard answers, so that the loss of
one shard of three does not take the whole service away.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from valkey_redis.circuit import State
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.deadline import deadline
from valkey_redis.inspection import Inspector, Seen, check_timeout

FULL = 0.99  # of the limit: where nothing is evicted, writes are refused from about there


@dataclass(frozen=True, slots=True)
class ShardHealth:
    """One server, or one primary of a cluster; None is what it did not say.

    Times in seconds, memory in bytes. `link` is a replica's to its primary; the lag is that of the
    replica that is farthest behind. `evicted_keys` and `clients` are the server's own counts.
    """

    shard: str
    answers: bool
    latency: float | None = None
    error: str | None = None
    role: str | None = None
    version: str | None = None
    loading: bool | None = None
    link: str | None = None
    replicas: int | None = None
    lag_bytes: int | None = None
    lag_seconds: int | None = None
    used_memory: int | None = None
    memory_limit: int | None = None
    memory_ratio: float | None = None
    memory_policy: str | None = None
    evicted_keys: int | None = None
    clients: int | None = None


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """How all of it is: "ok", "degraded" (see `problems`, a line each), or "down".

    `latency` is that of the slowest shard's PING, in seconds. `breakers` are the client's that were
    ever open. `cluster_state` is None where there is no cluster, or nobody told.
    """

    state: Literal["ok", "degraded", "down"]
    is_live: bool
    is_ready: bool
    latency: float | None
    problems: tuple[str, ...]
    breakers: Mapping[str, State]
    cluster_state: str | None
    shards: tuple[ShardHealth, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def judge(shards: Sequence[Seen], breakers: Mapping[str, State]) -> HealthStatus:
    """Return the status that follows from what was seen."""
    rows = tuple(map(read, shards))
    state = next((seen.cluster_state for seen in shards if seen.cluster_state), None)
    problems = [line for row in rows for line in _problems(row)]
    if state not in {None, "ok"}:
        problems.append(f"the cluster's state is {state}")
    problems += [
        f"{name}: the breaker is {one}" for name, one in breakers.items() if one != "closed"
    ]
    is_ready = any(row.answers for row in rows)
    latencies = [row.latency for row in rows if row.latency is not None]
    return HealthStatus(
        "down" if not is_ready else "degraded" if problems else "ok",
        is_live=True,
        is_ready=is_ready,
        latency=max(latencies, default=None),
        problems=tuple(problems),
        breakers=dict(breakers),
        cluster_state=state,
        shards=rows,
    )


def read(seen: Seen) -> ShardHealth:
    """Return what a shard's INFO says, in this module's words."""
    info = seen.info or {}
    role = {"master": "primary", "slave": "replica"}.get(str(info.get("role")))
    used, limit = info.get("used_memory"), info.get("maxmemory") or None
    lag_bytes, lag_seconds = _lag(info, role)
    version = info.get("valkey_version") or info.get("redis_version")
    loading = info.get("loading")
    return ShardHealth(
        seen.shard,
        answers=seen.latency is not None,
        latency=seen.latency,
        error=seen.error,
        role=role,
        version=None if version is None else str(version),
        loading=None if loading is None else bool(loading),
        link=info.get("master_link_status"),
        replicas=info.get("connected_slaves"),
        lag_bytes=lag_bytes,
        lag_seconds=lag_seconds,
        used_memory=used,
        memory_limit=limit,
        memory_ratio=None if used is None or limit is None else used / limit,
        memory_policy=info.get("maxmemory_policy"),
        evicted_keys=info.get("evicted_keys"),
        clients=info.get("connected_clients"),
    )


def _lag(info: Mapping[str, Any], role: str | None) -> tuple[int | None, int | None]:
    """Return how far replication is behind: in bytes, and in seconds since the other's last sign."""
    if role == "replica":
        got, done = info.get("slave_read_repl_offset"), info.get("slave_repl_offset")
        behind = None if got is None or done is None else got - done
        return behind, info.get("master_last_io_seconds_ago")
    names = (f"slave{i}" for i in range(int(info.get("connected_slaves") or 0)))
    replicas = [info[name] for name in names if isinstance(info.get(name), Mapping)]
    if role != "primary" or not replicas:
        return None, None
    written = info["master_repl_offset"]
    return (
        max(written - replica["offset"] for replica in replicas),
        max(replica["lag"] for replica in replicas),
    )


def _problems(row: ShardHealth) -> list[str]:
    found = []
    if row.loading:
        found.append("is loading its data")
    elif not row.answers:
        found.append(f"does not answer ({row.error})")
    if row.link not in {None, "up"}:
        found.append(f"its link to the primary is {row.link}")
    if row.memory_policy == "noeviction" and (row.memory_ratio or 0) >= FULL:
        found.append("is full, and refuses writes")
    return [f"{row.shard}: {line}" for line in found]


class ValkeyHealth:
    """Tell how the client's servers are; each answer takes `timeout` seconds at most.

    It asks on connections of its own, all shards at once, only reads, and raises nothing, whatever
    the servers do; who asks meanwhile shares the answer. A server that takes no more connections
    is one that does not answer. A client that was given as `raw` is asked
    for a PING instead, within its own timeouts. Raises InvalidArgumentError for a timeout that is
    not more than 0 and at most 60.
    """

    def __init__(self, client: ValkeyClient, *, timeout: float = 1.0) -> None:
        self._client, self._timeout = client, check_timeout(timeout)
        self._inspector = Inspector(client.config, timeout) if client.config else None

    def is_live(self) -> bool:
        """Return whether this process can work; it asks no server."""
        return True

    def is_ready(self) -> bool:
        """Return whether a server answers, or in a cluster at least one of its primaries."""
        return self.get_health_status().is_ready

    def get_health_status(self) -> HealthStatus:
        """Return how the servers are."""
        return judge(self._look(), self._client.breakers.states())

    def _look(self) -> list[Seen]:
        if self._inspector is not None:
            return self._inspector.look()
        begun = time.perf_counter()
        with deadline(self._timeout):
            is_healthy = self._client.is_healthy()
        return [_of_raw(is_healthy=is_healthy, latency=time.perf_counter() - begun)]


class AsyncValkeyHealth:
    """The asyncio face of `ValkeyHealth`."""

    def __init__(self, client: AsyncValkeyClient, *, timeout: float = 1.0) -> None:
        self._client, self._timeout = client, check_timeout(timeout)
        self._inspector = Inspector(client.config, timeout) if client.config else None

    async def is_live(self) -> bool:
        """Return whether this process can work; it asks no server."""
        return True

    async def is_ready(self) -> bool:
        """Return whether a server answers, or in a cluster at least one of its primaries."""
        return (await self.get_health_status()).is_ready

    async def get_health_status(self) -> HealthStatus:
        """Return how the servers are."""
        return judge(await self._look(), self._client.breakers.states())

    async def _look(self) -> list[Seen]:
        if self._inspector is not None:
            return await self._inspector.alook()
        begun, is_healthy = time.perf_counter(), False
        try:
            async with asyncio.timeout(self._timeout):
                is_healthy = await self._client.is_healthy()
        except TimeoutError:
            pass
        return [_of_raw(is_healthy=is_healthy, latency=time.perf_counter() - begun)]


def _of_raw(*, is_healthy: bool, latency: float) -> Seen:
    if is_healthy:
        return Seen("server", latency)
    return Seen("server", error="ServerUnavailableError")
