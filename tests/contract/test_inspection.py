"""How servers and shards are, whatever they do: paused, killed, full, refusing, loading."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fakeredis
import pytest
import valkey
from prometheus_client import CollectorRegistry
from tests.support.backends import DRIVERS
from tests.support.observing import samples
from tests.support.waiting import until

from valkey_redis import AsyncValkeyClient, ValkeyClient, ValkeyConfig, aconnect, connect
from valkey_redis.deadline import deadline
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster
from valkey_redis.health import AsyncValkeyHealth, HealthStatus, ValkeyHealth
from valkey_redis.inspection import Inspector
from valkey_redis.prometheus import ServerCollector

HASTY = 0.3  # seconds that a look at a hung server may take
TIMEOUT = 10.0  # seconds that others may take, on a machine that is busy
BOUND = 4.0  # seconds: so much later it would have hung

every_driver = pytest.mark.parametrize("driver", DRIVERS)


def config_of(url: str, driver: str = "valkey", **settings: Any) -> ValkeyConfig:
    """Return the settings of a client with long timeouts, which no look may wait for."""
    long = {"timeout": 60, "connect_timeout": 60, "pool_timeout": 60}
    return ValkeyConfig(url=url.replace("valkey", driver, 1), **long | settings)


def ask_all(config: ValkeyConfig, timeout: float = TIMEOUT) -> list[HealthStatus]:
    """Ask both faces; see that each answers in its time."""

    async def ask() -> HealthStatus:
        async with AsyncValkeyClient(config) as client:
            health = AsyncValkeyHealth(client, timeout=timeout)
            status = await health.get_health_status()
            assert (await health.is_live(), await health.is_ready()) == (True, status.is_ready)
            return status

    begun = time.monotonic()
    found = [asyncio.run(ask())]
    if config.address.topology != "cluster":  # that client asks the nodes when it is made
        with ValkeyClient(config) as client:
            health = ValkeyHealth(client, timeout=timeout)
            found.append(health.get_health_status())
            assert (health.is_live(), health.is_ready()) == (True, found[1].is_ready)
    assert time.monotonic() - begun < 4 * timeout + BOUND
    return found


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


# One server ------------------------------------------------------------------------------


@every_driver
def test_a_server_that_is_well(server: EmbeddedServer, driver: str) -> None:
    """Both faces and both drivers tell its role, version, memory and latency."""
    for status in ask_all(config_of(server.url, driver)):
        assert (status.state, status.is_ready, status.problems) == ("ok", True, ())
        assert status.latency is not None
        assert 0 < status.latency < TIMEOUT
        [row] = status.shards
        assert row.shard == server.url.replace("valkey", driver, 1)
        assert (row.role, row.loading, row.replicas) == ("primary", False, 0)
        assert (row.version or "").startswith("9.")
        assert (row.used_memory or 0) > 100_000
        assert (row.memory_limit, row.memory_ratio, row.lag_bytes) == (None, None, None)


@every_driver
def test_a_server_that_is_paused_or_dead(own: EmbeddedServer, driver: str) -> None:
    """The answer comes in its time, and says what is wrong; when it is back, so does the next."""
    config = config_of(own.url, driver)
    for how, error in (("pause", "ServerTimeoutError"), ("kill", "ServerUnavailableError")):
        getattr(own, how)()
        for status in ask_all(config, HASTY):
            assert (status.state, status.is_ready, status.is_live) == ("down", False, True)
            assert status.latency is None
            assert status.problems == (f"{config.address}: does not answer ({error})",)
        own.resume() if how == "pause" else own.start()
        assert {status.state for status in ask_all(config)} == {"ok"}


def test_who_asks_meanwhile_shares_the_look(own: EmbeddedServer) -> None:
    """However many ask a paused server, there is one connection and one thread; nobody waits long."""
    inspector = Inspector(config_of(own.url), HASTY)
    own.pause()
    flights = {id(inspector.start()) for _ in range(50)}
    names = [thread.name for thread in threading.enumerate()]
    assert (len(flights), names.count("valkey_redis look")) == (1, 1)
    with ThreadPoolExecutor(20) as pool:
        begun = time.monotonic()
        seen = list(pool.map(lambda _: inspector.look(), range(20)))
    assert time.monotonic() - begun < BOUND
    assert {one.error for [one] in seen} == {"ServerTimeoutError"}
    own.resume()
    until(lambda: inspector.look()[0].latency, "it answers again")
    with valkey.Valkey(port=own.port) as node:
        assert node.info("commandstats")["cmdstat_info"]["calls"] < 20
    until(
        lambda: all(thread.name != "valkey_redis look" for thread in threading.enumerate()),
        "no thread is left",
    )


def test_a_look_that_a_fork_left_behind_is_begun_anew(own: EmbeddedServer) -> None:
    """In a forked process its thread is dead, and its end would never come."""
    inspector = Inspector(config_of(own.url), HASTY)
    own.pause()
    left = inspector.start()
    thread, inspector._thread = inspector._thread, threading.Thread()  # as after a fork
    assert inspector.start() is not left
    own.resume()
    thread.join()


def test_a_deadline_shortens_a_look(own: EmbeddedServer) -> None:
    """Whoever has less time gets an answer sooner."""
    inspector = Inspector(config_of(own.url), 60)
    own.pause()
    begun = time.monotonic()
    with deadline(0.05):
        [seen] = inspector.look()

    async def look() -> Any:
        with deadline(0.05):
            return await inspector.alook()

    assert asyncio.run(look()) == [seen]
    assert seen.error == "ServerTimeoutError"
    assert time.monotonic() - begun < BOUND
    flight = inspector.start()
    own.resume()
    assert flight.result(BOUND)[0].error is None


def test_a_wrong_password_is_told_by_its_kind(own: EmbeddedServer) -> None:
    """Without the name, the password or the server's words."""
    with valkey.Valkey(port=own.port) as node:
        node.config_set("requirepass", "right-hunter2")
    for status in ask_all(config_of(own.url, password="wrong-hunter2")):
        assert (status.state, status.shards[0].error) == ("down", "AuthenticationError")
        assert "hunter2" not in str(status.as_dict())
    for status in ask_all(config_of(own.url, password="right-hunter2")):
        assert status.state == "ok"
        assert "hunter2" not in str(status.as_dict())


@pytest.mark.parametrize("refused", [["-ping"], ["-info"], ["-ping", "-info"]])
def test_a_user_who_may_not_ask(own: EmbeddedServer, refused: list[str]) -> None:
    """The server serves him: it is well, as far as one can see."""
    with valkey.Valkey(port=own.port) as node:
        rights = ["reset", "on", ">hunter2", "~*", "+@all", *refused]
        node.execute_command("ACL", "SETUSER", "app", *rights)
    for status in ask_all(config_of(own.url, username="app", password="hunter2")):
        [row] = status.shards
        assert (status.state, row.answers, row.error) == ("ok", True, "NotPermittedError")
        assert (row.role is None) is ("-info" in refused)


def test_a_server_that_is_full(own: EmbeddedServer) -> None:
    """It answers, and refuses writes: ready, and degraded."""
    with valkey.Valkey(port=own.port) as node:
        limit = node.info("memory")["used_memory"] + 1_000_000
        node.config_set("maxmemory", limit)
        pipe = node.pipeline(transaction=False)
        for i in range(1000):
            pipe.set(f"k{i}", "x" * 2000)
        assert "maxmemory" in str(pipe.execute(raise_on_error=False))
        for status in ask_all(config_of(own.url)):
            assert (status.state, status.is_ready) == ("degraded", True)
            assert status.problems == (f"{own.url}: is full, and refuses writes",)
            assert status.shards[0].memory_limit == limit
            assert (status.shards[0].memory_ratio or 0) > 0.98


@pytest.mark.usefixtures("server")
def test_a_server_that_loads_its_data() -> None:
    """It says so, and is not ready before it has."""
    settings = {
        "enable-debug-command": "local",
        "key-load-delay": 5000,  # microseconds
        "loading-process-events-interval-bytes": 1024,
        "rdbcompression": "no",
    }
    with EmbeddedServer(settings=settings) as own:
        with valkey.Valkey(port=own.port) as node:
            node.mset({f"k{i}": "x" * 1000 for i in range(1000)})
        loader = threading.Thread(target=_reload, args=(own.port,))
        loader.start()
        config = config_of(own.url)
        until(lambda: Inspector(config, TIMEOUT).look()[0].latency is None, "it loads")
        for status in ask_all(config):
            assert status.state == "down"
            assert status.problems == (f"{own.url}: is loading its data",)
        own.kill()
        loader.join()


def _reload(port: int) -> None:
    with valkey.Valkey(port=port) as node:
        try:
            node.execute_command("DEBUG", "RELOAD")
        except valkey.ConnectionError:
            return


def test_nothing_is_written(own: EmbeddedServer) -> None:
    """To look leaves no key behind, and sends nothing that could."""
    with valkey.Valkey(port=own.port) as node:
        node.config_resetstat()
        ask_all(config_of(own.url))
        sent = {name.removeprefix("cmdstat_") for name in node.info("commandstats")}
        assert node.dbsize() == 0
    assert sent <= {"ping", "info", "client|setinfo", "config|resetstat"}


def test_replication_is_seen_from_both_ends(own: EmbeddedServer) -> None:
    """The primary tells how far its replica is behind, the replica whether its link is up."""
    with EmbeddedServer(settings={"replicaof": f"{HOST} {own.port}"}) as replica:
        with valkey.Valkey(port=own.port) as node:
            node.config_set("repl-diskless-sync-delay", 0)
        with valkey.Valkey(port=replica.port) as node:
            until(lambda: node.info("replication")["master_link_status"] == "up", "in step")

        def is_told() -> bool:
            [row] = ask_all(config_of(own.url))[0].shards
            assert (row.role, row.replicas, row.link) == ("primary", 1, None)
            return row.lag_bytes is not None and row.lag_seconds is not None

        until(is_told, "the primary tells its replica's lag")
        [row] = ask_all(config_of(replica.url))[0].shards
        assert (row.role, row.link) == ("replica", "up")
        own.kill()

        def is_down() -> bool:
            [status, _] = ask_all(config_of(replica.url))
            return status.problems == (f"{replica.url}: its link to the primary is down",)

        until(is_down, "the link is down")


# A client that was given as `raw` ----------------------------------------------------------


def ask_raw(server: fakeredis.FakeServer) -> list[HealthStatus]:
    """Ask both faces over fakeredis, which nobody can connect to."""

    async def ask() -> HealthStatus:
        async with AsyncValkeyClient(raw=fakeredis.FakeAsyncValkey(server=server)) as client:  # type: ignore[arg-type]  # as in the other tests
            return await AsyncValkeyHealth(client).get_health_status()

    client = ValkeyClient(raw=fakeredis.FakeValkey(server=server))  # type: ignore[arg-type]  # as above
    return [asyncio.run(ask()), ValkeyHealth(client).get_health_status()]


def test_a_raw_client_is_asked_for_a_ping() -> None:
    """Where its server is, nobody knows, and so nobody else can ask."""
    server = fakeredis.FakeServer()
    for status in ask_raw(server):
        assert (status.state, status.shards[0].role) == ("ok", None)
        assert status.latency is not None
    server.connected = False
    for status in ask_raw(server):
        assert (status.state, status.latency) == ("down", None)


def test_a_raw_client_of_a_server_that_hangs(own: EmbeddedServer) -> None:
    """This package's own drivers keep to the time; whoever waits in asyncio is told in time anyway."""
    config = config_of(own.url)

    async def ask() -> HealthStatus:
        async with AsyncValkeyClient(raw=aconnect(config)) as client:
            return await AsyncValkeyHealth(client, timeout=HASTY).get_health_status()

    own.pause()
    begun = time.monotonic()
    with ValkeyClient(raw=connect(config)) as client:
        seen = [asyncio.run(ask()), ValkeyHealth(client, timeout=HASTY).get_health_status()]
    assert time.monotonic() - begun < BOUND
    assert {status.state for status in seen} == {"down"}


# A cluster -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patient(request: pytest.FixtureRequest) -> Iterator[EmbeddedCluster]:
    """Return a cluster whose nodes may be paused for a while: nobody takes their place."""
    request.getfixturevalue("cluster")  # decides on the platform, and fails first if it must
    with EmbeddedCluster(settings={"cluster-node-timeout": 20_000}) as started:
        yield started


@every_driver
def test_a_cluster_that_is_well(patient: EmbeddedCluster, driver: str) -> None:
    """Each primary has its row, in the order of their slots, and its replica."""
    [status] = ask_all(config_of(patient.url, driver))
    assert (status.state, status.cluster_state, status.problems) == ("ok", "ok", ())
    names = [f"{HOST}:{node.port}" for node in patient.nodes[:3]]
    assert [row.shard for row in status.shards] == names
    assert [(row.role, row.replicas) for row in status.shards] == [("primary", 1)] * 3


def test_one_shard_of_a_cluster_hangs(patient: EmbeddedCluster) -> None:
    """Its row says so, also in the metrics; the others are as ever, and the cluster is ready."""
    config = config_of(patient.url)
    names = [f"{HOST}:{node.port}" for node in patient.nodes[:3]]
    with ValkeyClient(config) as client:
        registry = CollectorRegistry()
        registry.register(ServerCollector(client, timeout=1.0))
        patient.nodes[0].pause()
        try:
            [status] = ask_all(config, 1.0)
            begun = time.monotonic()
            shown = samples(registry)
            assert time.monotonic() - begun < BOUND
        finally:
            patient.nodes[0].resume()
        assert (status.state, status.is_ready) == ("degraded", True)
        assert status.problems == (f"{names[0]}: does not answer (ServerTimeoutError)",)
        assert [row.answers for row in status.shards] == [False, True, True]
        assert [shown["valkey_shard_up", f"shard={name}"] for name in names] == [0, 1, 1]
        told = [("valkey_shard_memory_bytes", f"shard={name}") in shown for name in names]
        assert told == [False, True, True]
        until(
            lambda: samples(registry)["valkey_shard_up", f"shard={names[0]}"] == 1,
            "it is up again",
        )


def test_all_of_a_cluster_hangs(patient: EmbeddedCluster) -> None:
    """Who was known as a shard is reported on; before that, the hosts of the URL are."""
    config = config_of(patient.url)
    inspector = Inspector(config, 1.0)
    before = inspector.look()
    for node in patient.nodes:
        node.pause()
    try:
        after = inspector.look()
        [status] = ask_all(config, HASTY)
    finally:
        for node in patient.nodes:
            node.resume()
    assert [one.shard for one in after] == [one.shard for one in before]
    assert {one.error for one in after} == {"ServerTimeoutError"}
    assert (status.state, status.cluster_state) == ("down", None)
    assert len(status.shards) == len(patient.nodes)
