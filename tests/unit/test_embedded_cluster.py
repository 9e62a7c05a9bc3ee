"""The embedded cluster: six real nodes, every slot served, a crash healed."""

import time
from pathlib import Path

import pytest
import valkey
from tests.support.waiting import until

from valkey_redis import EmbeddedServerError, ValkeyClient
from valkey_redis.embedded_cluster import SLOTS, EmbeddedCluster

BOUND = 30.0  # seconds: generous, for a busy machine


def _roles(cluster: EmbeddedCluster) -> list[bytes]:
    roles = []
    for node in cluster.nodes:
        with valkey.Valkey(port=node.port) as client:
            roles.append(client.execute_command("ROLE")[0])
    return sorted(roles)


def test_it_has_three_primaries_and_three_replicas(cluster: EmbeddedCluster) -> None:
    """Every slot is served, and each primary has a replica that is in step."""
    cluster.wait_until_healthy()
    assert _roles(cluster) == [b"master"] * 3 + [b"slave"] * 3
    with valkey.Valkey(port=cluster.nodes[0].port) as client:
        ranges = client.execute_command("CLUSTER SLOTS")
        assert len(ranges) == 3


def test_the_primary_of_a_key_is_the_one_that_holds_it(cluster: EmbeddedCluster) -> None:
    """primary_of() names the node that takes the key without a redirect."""
    with ValkeyClient(cluster.config) as client:
        for key in ("a", "b", "c", "{tag}:1", "{tag}:2"):
            client.set(key, 1)
            with valkey.Valkey(port=cluster.primary_of(key).port) as node:
                assert node.get(key) == b"1"
    assert cluster.primary_of("{tag}:1") is cluster.primary_of("{tag}:2")
    assert len({cluster.primary_of(f"key:{number}").port for number in range(50)}) == 3


def test_it_starts_in_time_and_heals_a_crash_and_a_freeze() -> None:
    """A replica takes over for a killed primary, and for a frozen one; both come back."""
    started = time.monotonic()
    with EmbeddedCluster() as cluster:
        assert time.monotonic() - started < BOUND
        killed = cluster.primary_of("k")
        killed.kill()
        until(lambda: _serves(cluster, "k", but=killed.port), "another node serves the key")
        killed.start()
        cluster.wait_until_healthy()
        assert _roles(cluster) == [b"master"] * 3 + [b"slave"] * 3
        frozen = cluster.primary_of("k")
        frozen.pause()
        until(lambda: _serves(cluster, "k", but=frozen.port), "another node serves the key")
        frozen.resume()
        cluster.wait_until_healthy()
        pids = [node.pid for node in cluster.nodes]
    assert len(pids) == 6
    assert not any(node.is_running for node in cluster.nodes)


def _serves(cluster: EmbeddedCluster, key: str, *, but: int) -> bool:
    """Return whether a node other than the one of that port says that it serves the key."""
    for node in cluster.nodes:
        if node.port == but or not node.is_running:
            continue
        with valkey.Valkey(port=node.port, socket_timeout=1) as client:
            slot = client.execute_command("CLUSTER KEYSLOT", key)
            ranges = client.execute_command("CLUSTER SLOTS")
            served = sum(end - start + 1 for start, end, *_ in ranges)
            info = client.execute_command("CLUSTER INFO")
            owner = next(o[1] for s, e, o, *_ in ranges if s <= slot <= e)
            return served == SLOTS and owner != but and info["cluster_state"] == "ok"
    return False


def test_settings_reach_every_node() -> None:
    """A line of valkey.conf is on all six."""
    cluster = EmbeddedCluster(settings={"maxmemory": "9mb"})
    for node in cluster.nodes:
        assert "maxmemory 9mb\n" in node._conf()


def test_a_cluster_that_does_not_start_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what a node refused; no process and no folder of the six is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cluster = EmbeddedCluster(settings={"maxmemory": "x"})
    with pytest.raises(EmbeddedServerError, match="'maxmemory x' argument must be"), cluster:
        pytest.fail("it started")
    assert list(tmp_path.iterdir()) == []
    assert not any(node.is_running for node in cluster.nodes)
