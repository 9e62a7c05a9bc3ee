"""What real clients tell the sinks: both drivers, both faces, pipelines, scripts, errors, outages."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
import valkey
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry
from tests.support.backends import Kind, every_kind
from tests.support.cachefaces import cache_of
from tests.support.observing import samples
from tests.support.waiting import auntil

from valkey_redis import (
    GCRA,
    CommandError,
    RateLimiter,
    ServerUnavailableError,
    ValkeyClient,
    ValkeyConfig,
    ValkeyRedisError,
)
from valkey_redis.commands import Command
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.event_log import LogObserver
from valkey_redis.families import family
from valkey_redis.observability import Observer
from valkey_redis.prometheus import PrometheusObserver
from valkey_redis.tracing import OpenTelemetryObserver

HASTY = {
    "timeout": 0.3,
    "connect_timeout": 0.3,
    "retry_attempts": 1,
    "retry_base": 0.01,
    "retry_cap": 0.01,
}
PLANTED = re.compile("hunter2|planted|s3cr3t")


class Scene:
    """A client with all the sinks, and what they have."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.observers: list[Observer] = [
            PrometheusObserver(self.registry),
            OpenTelemetryObserver(self.tracers, meters),
            LogObserver(slow=1e-9),
        ]

    def spans(self) -> list[Any]:
        """Return the finished spans, and forget them."""
        found = list(self._spans.get_finished_spans())
        self._spans.clear()
        return found

    def everything(self) -> str:
        """Return all that metrics and spans hold, as text."""
        spans = [span.to_json() for span in self._spans.get_finished_spans()]
        metrics = self._reader.get_metrics_data()
        assert metrics is not None
        return f"{spans} {metrics.to_json()} {samples(self.registry)}"


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


@pytest.fixture
def scene() -> Scene:
    """Return empty sinks."""
    return Scene()


@pytest_asyncio.fixture
async def client(kind: Kind, own: EmbeddedServer, scene: Scene) -> AsyncIterator[Any]:
    """Return a client that tells the sinks."""
    config = ValkeyConfig(url=f"{kind.url(own.url)}/2")
    async with kind.of(config, observers=scene.observers) as connected:
        yield connected


@every_kind
async def test_each_round_trip_is_a_span(
    client: Any, scene: Scene, kind: Kind, own: EmbeddedServer
) -> None:
    """A command, pipelines of equal and of different commands, a script, a refusal."""
    await client.set("k", 1)
    await client.get("k")
    await client.pipeline().get("k").get("l").get("m").execute()
    await client.pipeline().get("k").incr("k").execute()
    await client.incr("n", ex=5)
    with pytest.raises(CommandError):
        await client.send(Command(("LPUSH", "k", "v"), int))
    spans = scene.spans()
    names = ["SET", "GET", "PIPELINE GET", "PIPELINE", "EVALSHA incr", "LPUSH"]
    assert [span.name for span in spans] == names
    usual = {
        "db.system.name": kind.driver,
        "db.namespace": "2",
        "server.address": HOST,
        "server.port": own.port,
    }
    own_facts = [
        {"db.operation.name": "SET"},
        {"db.operation.name": "GET"},
        {"db.operation.name": "PIPELINE GET", "db.operation.batch.size": 3},
        {"db.operation.name": "PIPELINE", "db.operation.batch.size": 2},
        {"db.operation.name": "EVALSHA", "db.stored_procedure.name": "incr"},
        {
            "db.operation.name": "LPUSH",
            "error.type": "WRONGTYPE",
            "db.response.status_code": "WRONGTYPE",
        },
    ]
    assert [dict(span.attributes) for span in spans] == [usual | fact for fact in own_facts]
    failed = [span.status.status_code is StatusCode.ERROR for span in spans]
    assert failed == [False] * 5 + [True]
    assert all(span.start_time < span.end_time for span in spans)
    ends = [span.end_time for span in spans]
    assert ends == sorted(ends)


@every_kind
async def test_spans_are_the_callers_children(client: Any, scene: Scene) -> None:
    """Those of a cache too, and of tasks at the same time each its own's."""
    cache, tracer = cache_of(client), scene.tracers.get_tracer("test")

    async def request(number: int) -> None:
        with tracer.start_as_current_span(f"request {number}"):
            await client.get(f"k{number}")
            await cache.get(f"k{number}")

    await asyncio.gather(*[request(i) for i in range(3)])
    await cache.close()
    spans = scene.spans()
    parents = {span.context.span_id: span.name for span in spans if span.parent is None}
    children = [parents[span.parent.span_id] for span in spans if span.parent is not None]
    assert sorted(parents.values()) == ["request 0", "request 1", "request 2"]
    own = [span for span in spans if span.name == "GET"]
    assert sorted(parents[span.parent.span_id] for span in own) == sorted(parents.values())
    assert len(children) >= 4  # reads of one turn of the loop may go together


@every_kind
async def test_what_the_clients_do_is_counted(client: Any, scene: Scene) -> None:
    """Commands by family, a cache's hits and misses and loads, a limiter's decisions."""
    await client.set("k", 1)
    await client.pipeline().get("k").incr("k").execute()
    cache = cache_of(client, namespace="shop")
    for _ in range(3):
        assert await cache.get_or_set("k", lambda: "loaded") == "loaded"
    await cache.close()
    found = samples(scene.registry)
    for event, count in (("hit", 2), ("miss", 1), ("load", 1)):
        assert found["valkey_cache_events_total", f"event={event}", "namespace=shop"] == count
    assert found["valkey_cache_load_seconds_count", "namespace=shop"] == 1
    for name, least in (("string", 1), ("pipeline", 1), ("script", 1)):
        assert found["valkey_command_seconds_count", f"family={name}"] >= least


@every_kind
async def test_an_outage_is_told(
    scene: Scene, kind: Kind, own: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed, open, closed again; timeouts, then refusals; retries; each in every sink."""
    caplog.set_level(logging.INFO, "valkey_redis.events")
    config = ValkeyConfig(url=f"{kind.url(own.url)}/2", **HASTY)
    async with kind.of(config, observers=scene.observers) as client:
        await _see_an_outage(client, scene, f"server={config.address}", own)
    events = [getattr(record, "valkey_event", None) for record in caplog.records]
    assert {"error", "breaker", "retry"} <= set(events)


async def _see_an_outage(client: Any, scene: Scene, server: str, own: EmbeddedServer) -> None:
    await client.set("k", 1)
    assert samples(scene.registry)["valkey_breaker_state", server] == 0
    own.pause()
    for _ in range(3):
        with pytest.raises(ServerUnavailableError):
            await client.get("k")
    during = samples(scene.registry)
    assert during["valkey_breaker_state", server] >= 1
    assert during["valkey_errors_total", "kind=ServerTimeoutError"] >= 1
    assert during["valkey_errors_total", "kind=CircuitOpenError"] >= 1
    assert during["valkey_retries_total", "family=string"] >= 1
    own.resume()

    async def is_closed() -> bool:
        return samples(scene.registry)["valkey_breaker_state", server] == 0

    await auntil(is_closed, "the breaker is closed")
    assert await client.get("k") == 1
    after = samples(scene.registry)
    assert after["valkey_breaker_changes_total", server, "state=open"] >= 1
    assert after["valkey_breaker_changes_total", server, "state=closed"] >= 1
    errors = {(span.attributes or {}).get("error.type") for span in scene.spans()}
    assert {None, "ServerTimeoutError", "CircuitOpenError"} <= errors


def test_a_limiters_decisions_are_counted(own: EmbeddedServer, scene: Scene) -> None:
    """Admitted, refused, and those made without the server."""
    config = ValkeyConfig(url=own.url, **HASTY)
    with ValkeyClient(config, observers=scene.observers) as client:
        limiter = RateLimiter(client, GCRA(2, per=3600, name="login"), on_outage="open")
        assert [bool(limiter.hit("a")) for _ in range(3)] == [True, True, False]
        own.kill()
        assert limiter.hit("a").is_degraded
    found = samples(scene.registry)
    for outcome, count in (("admitted", 2), ("refused", 1), ("degraded", 1)):
        key = ("valkey_limit_decisions_total", f"outcome={outcome}", "policy=login")
        assert found[key] == count


class Raising(Observer):
    """A sink that is broken: whatever it is told, it raises, with what it was told."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_"):

            def fail(*told: Any) -> None:
                raise RuntimeError(f"planted {told}")

            return fail
        return super().__getattribute__(name)


@every_kind
async def test_a_sink_that_raises_hurts_nobody(
    kind: Kind, own: EmbeddedServer, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers get their values, the other sinks are told, and the trouble is logged once a hook."""
    config = ValkeyConfig(url=kind.url(own.url))
    async with kind.of(config, observers=[Raising(), *scene.observers]) as client:
        cache = cache_of(client)
        for _ in range(3):
            await client.set("k", "v")
            assert await client.get("k") == "v"
            assert await cache.get_or_set("c", lambda: "loaded") == "loaded"
        await cache.close()
    assert samples(scene.registry)["valkey_command_seconds_count", "family=string"] >= 6
    told = [message for message in caplog.messages if "raised RuntimeError" in message]
    assert sorted(told) == [
        f"Raising.on_{hook} raised RuntimeError" for hook in ("cache", "round_trip")
    ]
    assert not PLANTED.search(caplog.text)


@every_kind
async def test_no_sink_holds_a_secret(
    kind: Kind, own: EmbeddedServer, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys, values, passwords, sessions, loaders' and servers' words: in no metric, span or log."""
    caplog.set_level(logging.DEBUG, "valkey_redis")
    with ValkeyClient(own.config) as admin:
        admin.raw.execute_command("CONFIG", "SET", "requirepass", "hunter2")
    config = ValkeyConfig(url=kind.url(own.url), password="hunter2", **HASTY)
    async with kind.of(config, observers=scene.observers) as client:
        cache = cache_of(client)
        await client.set("planted-key", "planted-value")
        await client.pipeline().get("planted-key").set("planted-2", "s3cr3t").execute()
        await cache.get_or_set("planted-key", lambda: "s3cr3t", tags=["planted-tag"])

        def fail() -> None:
            raise ValueError("s3cr3t")

        with suppress(ValueError):
            await cache.get_or_set("planted-other", fail)
        for words in (
            # First the one whose text quotes them: of one kind the log has one line a second.
            ("NOSUCHCOMMAND", "planted-key", "planted-value"),
            ("LPUSH", "planted-key", "planted-value"),
            ("EVAL", "error('s3cr3t planted')", 1, "planted-key"),
            ("EVAL", "return redis.error_reply('S3CR3T hunter2 planted')", 0),
            ("SET", "planted-key", "planted-value", "PLANTED"),
        ):
            with pytest.raises(ValkeyRedisError):
                await client.send(Command(words, str))
        own.pause()
        for _ in range(2):
            with pytest.raises(ServerUnavailableError):
                await client.get("planted-key")
        own.resume()
        await cache.close()
    wrong = ValkeyConfig(url=kind.url(own.url), password="planted-wrong", **HASTY)
    async with kind.of(wrong, observers=scene.observers) as client:
        with pytest.raises(ValkeyRedisError):
            await client.get("planted-key")
    records = json.dumps([vars(record) for record in caplog.records], default=repr)
    told = scene.everything()
    assert "ServerTimeoutError" in told
    assert "NOSUCHCOMMAND" in records
    for text in (told, records):
        found = re.search(f".{{0,80}}({PLANTED.pattern}|S3CR3T|PLANTED)", text)
        assert found is None, found


def test_every_command_of_the_server_has_a_family(server: EmbeddedServer) -> None:
    """None that it knows counts as "other", but for a few that no client should send."""
    with valkey.Valkey(port=server.port) as node:
        node.response_callbacks.clear()  # the driver takes the reply for COMMAND's
        names = [name.decode().upper() for name in node.execute_command("COMMAND", "LIST")]
    assert len(names) > 200
    plain = [name for name in names if "|" not in name]
    unknown = {name for name in plain if family(name) == "other"}
    assert unknown <= {"PFDEBUG", "PFSELFTEST", "PSYNC", "REPLCONF", "RESTORE-ASKING", "SYNC"}
