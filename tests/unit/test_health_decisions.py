"""What follows from what the servers say of themselves."""

import json
from typing import Any

import pytest

from valkey_redis import InvalidArgumentError, ValkeyClient, ValkeyConfig
from valkey_redis.health import ValkeyHealth, judge, read
from valkey_redis.inspection import Seen

PRIMARY: dict[str, Any] = {
    "role": "master",
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "loading": 0,
    "connected_slaves": 2,
    "master_repl_offset": 1000,
    "slave0": {"ip": "h", "port": 1, "state": "online", "offset": 990, "lag": 1},
    "slave1": {"ip": "h", "port": 2, "state": "online", "offset": 400, "lag": 0},
    "used_memory": 50,
    "maxmemory": 200,
    "maxmemory_policy": "noeviction",
    "evicted_keys": 7,
    "connected_clients": 3,
}
REPLICA: dict[str, Any] = {
    "role": "slave",
    "master_link_status": "up",
    "master_last_io_seconds_ago": 4,
    "slave_read_repl_offset": 1000,
    "slave_repl_offset": 900,
}


def seen(shard: str = "a:1", latency: float | None = 0.001, **told: Any) -> Seen:
    """Return a shard that answers, with these changes to its INFO."""
    return Seen(shard, latency, info=PRIMARY | told)


DEAD = Seen("b:2", error="ServerTimeoutError")


def test_a_primary_is_read() -> None:
    """Its role, version, memory, and the lag of the replica that is farthest behind."""
    row = read(seen())
    assert (row.shard, row.answers, row.latency, row.error) == ("a:1", True, 0.001, None)
    assert (row.role, row.version, row.loading) == ("primary", "9.1.2", False)
    assert (row.replicas, row.lag_bytes, row.lag_seconds, row.link) == (2, 600, 1, None)
    assert (row.used_memory, row.memory_limit, row.memory_ratio) == (50, 200, 0.25)
    assert (row.evicted_keys, row.clients, row.memory_policy) == (7, 3, "noeviction")


def test_a_replica_is_read() -> None:
    """Its link to the primary, and how far it is behind what it was sent."""
    row = read(Seen("a:1", 0.001, info=REPLICA))
    assert (row.role, row.link) == ("replica", "up")
    assert (row.lag_bytes, row.lag_seconds) == (100, 4)


def test_without_replicas_nothing_lags() -> None:
    """None is not 0: nobody has a copy."""
    row = read(seen(connected_slaves=0))
    assert (row.replicas, row.lag_bytes, row.lag_seconds) == (0, None, None)


def test_without_a_limit_there_is_no_ratio() -> None:
    """The server says 0, and means none."""
    row = read(seen(maxmemory=0))
    assert (row.memory_limit, row.memory_ratio) == (None, None)


def test_redis_tells_its_own_version() -> None:
    """And not the one that Valkey is compatible with."""
    assert read(Seen("a:1", 0.1, info={"redis_version": "8.0.1"})).version == "8.0.1"


def test_what_was_not_said_is_none() -> None:
    """A user who may not ask for INFO still gets a status."""
    row = read(Seen("a:1", 0.001, "NotPermittedError"))
    assert row.answers
    told = {name: getattr(row, name) for name in row.__slots__}
    known = {"shard", "answers", "latency", "error"}
    assert {value for name, value in told.items() if name not in known} == {None}
    assert judge([Seen("a:1", 0.001, "NotPermittedError")], {}).state == "ok"


@pytest.mark.parametrize(
    ("shards", "breakers", "state", "problem"),
    [
        ([seen()], {}, "ok", None),
        ([seen()], {"a:1": "closed"}, "ok", None),
        ([seen()], {"a:1": "open"}, "degraded", "a:1: the breaker is open"),
        ([seen()], {"a:1": "half_open"}, "degraded", "a:1: the breaker is half_open"),
        ([seen(), DEAD], {}, "degraded", "b:2: does not answer (ServerTimeoutError)"),
        ([DEAD], {}, "down", "b:2: does not answer (ServerTimeoutError)"),
        ([seen(latency=None, loading=1)], {}, "down", "a:1: is loading its data"),
        ([seen(used_memory=199)], {}, "degraded", "a:1: is full, and refuses writes"),
        ([seen(used_memory=197)], {}, "ok", None),
        ([seen(used_memory=199, maxmemory_policy="allkeys-lru")], {}, "ok", None),
        (
            [Seen("a:1", 0.1, info=REPLICA | {"master_link_status": "down"})],
            {},
            "degraded",
            "a:1: its link to the primary is down",
        ),
        (
            [Seen("a:1", 0.1, cluster_state="fail")],
            {},
            "degraded",
            "the cluster's state is fail",
        ),
        ([Seen("a:1", 0.1, cluster_state="ok")], {}, "ok", None),
    ],
)
def test_the_state_follows(
    shards: list[Seen], breakers: dict[str, Any], state: str, problem: str | None
) -> None:
    """One shard that answers is enough to be ready; each problem has its line."""
    status = judge(shards, breakers)
    assert status.state == state
    assert status.problems == (() if problem is None else (problem,))
    assert status.is_ready is (state != "down")
    assert status.is_live is True


def test_the_latency_is_the_slowest_shards() -> None:
    """Of those that answered."""
    assert judge([seen(latency=0.1), seen(latency=0.3), DEAD], {}).latency == 0.3
    assert judge([DEAD], {}).latency is None


def test_a_status_is_plain_values() -> None:
    """As JSON takes them, all of it."""
    status = judge([seen(), DEAD], {"b:2": "open"})
    plain = json.loads(json.dumps(status.as_dict()))
    assert plain["state"] == "degraded"
    assert [row["shard"] for row in plain["shards"]] == ["a:1", "b:2"]
    assert plain["breakers"] == {"b:2": "open"}
    assert plain["problems"] == list(status.problems)


@pytest.mark.parametrize("timeout", [0, -1, 61, float("nan"), True, "1", None])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    """With what was given, and what is taken."""
    client = ValkeyClient(ValkeyConfig(url="valkey://127.0.0.1:1"))
    with pytest.raises(InvalidArgumentError, match=r"timeout=.*takes seconds, more than 0"):
        ValkeyHealth(client, timeout=timeout)
