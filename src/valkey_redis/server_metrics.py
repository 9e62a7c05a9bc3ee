"""How the servers are, and how the clients' pools are used, asked when Prometheus scrapes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.deadline import deadline
from valkey_redis.inspection import Inspector, Seen, check_timeout
from valkey_redis.pool_use import pool_use

# name, help, INFO's field
_GAUGES = (
    ("memory_bytes", "Memory that the server uses.", "used_memory"),
    ("ops_per_second", "Commands in a second, lately.", "instantaneous_ops_per_sec"),
    ("clients", "Connections that the server has.", "connected_clients"),
)
_LIMIT = ("memory_limit_bytes", "Memory that the server may use; absent if there is no limit.")
_COUNTERS = (
    ("evicted_keys", "Keys evicted for want of memory.", "evicted_keys"),
    ("expired_keys", "Keys that expired.", "expired_keys"),
    ("keyspace_hits", "Reads that found their key.", "keyspace_hits"),
    ("keyspace_misses", "Reads that did not.", "keyspace_misses"),
)


class ServerCollector(Collector):
    """Show the shards' INFO and the clients' pools: `registry.register(ServerCollector(client))`.

    A scrape takes `timeout` seconds at most, whatever the servers do: who has not answered by then
    is not up. Scrapes at the same time share one INFO a shard. It has connections of its own, so
    that clients of either face will do; one that was given as `raw` shows nothing.
    Raises InvalidArgumentError for a timeout that is not more than 0 and at most 60.
    """

    def __init__(self, *clients: ValkeyClient | AsyncValkeyClient, timeout: float = 1.0) -> None:
        self._clients = clients
        configs = {str(client.config.address): client.config for client in clients if client.config}
        self._inspectors = [Inspector(config, timeout) for config in configs.values()]
        self._timeout = check_timeout(timeout)

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values: to register a collector must not ask anybody."""
        return [*_metrics([]), _pools([])]

    def collect(self) -> Iterator[Metric]:
        """Ask all shards at once, and yield what they say."""
        for inspector in self._inspectors:
            inspector.start()
        with deadline(self._timeout):  # for all of them together
            shards = [seen for one in self._inspectors for seen in one.look()]
        yield from _metrics(shards)
        yield _pools(self._clients)


def _metrics(shards: Iterable[Seen]) -> list[Metric]:
    up = _gauge("shard_up", "1 if the shard answered in time, else 0.", "shard")
    limit = _gauge(f"shard_{_LIMIT[0]}", _LIMIT[1], "shard")
    fields: list[tuple[GaugeMetricFamily | CounterMetricFamily, str]] = [
        (_gauge(f"shard_{name}", text, "shard"), field) for name, text, field in _GAUGES
    ]
    for name, text, field in _COUNTERS:
        counter = CounterMetricFamily(f"valkey_shard_{name}", text, labels=["shard"])
        fields.append((counter, field))
    for seen in shards:
        info = seen.info or {}
        up.add_metric([seen.shard], 0 if seen.latency is None else 1)
        if _number(info, "maxmemory"):
            limit.add_metric([seen.shard], _number(info, "maxmemory") or 0.0)
        for metric, field in fields:
            value = _number(info, field)
            if value is not None:
                metric.add_metric([seen.shard], value)
    return [up, limit, *(metric for metric, _ in fields)]


def _pools(clients: Iterable[ValkeyClient | AsyncValkeyClient]) -> Metric:
    """Return the pools' use; two clients of one server count together."""
    use: Counter[tuple[str, str]] = Counter()
    for client in clients:
        for pool in pool_use(client):
            for state in ("in_use", "idle", "max"):
                use[pool.server, state] += getattr(pool, state)
    metric = GaugeMetricFamily(
        "valkey_pool_connections", "Connections of the clients.", labels=["server", "state"]
    )
    for labels, count in use.items():
        metric.add_metric(list(labels), count)
    return metric


def _gauge(name: str, text: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"valkey_{name}", text, labels=[label])


def _number(info: Mapping[str, Any], field: str) -> float | None:
    value = info.get(field)
    return float(value) if isinstance(value, (int, float)) else None
