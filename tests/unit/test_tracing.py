"""Spans and durations, as OpenTelemetry's own SDK collects them."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.support.observing import trip

from valkey_redis import CommandError, OutOfMemoryError, ServerTimeoutError
from valkey_redis.tracing import OpenTelemetryObserver, attributes, operation, status_code

USUAL = {
    "db.system.name": "valkey",
    "db.operation.name": "GET",
    "db.namespace": "3",
    "server.address": "cache.example",
    "server.port": 7000,
}
WRONGTYPE = CommandError("valkey://h:1: WRONGTYPE Operation against a key holding another kind")


class Telemetry:
    """An observer, and what it has recorded."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.observer = OpenTelemetryObserver(self.provider, meters)

    def spans(self) -> list[ReadableSpan]:
        """Return the finished spans."""
        return list(self._spans.get_finished_spans())

    def histogram(self) -> tuple[Any, list[Any]]:
        """Return the only metric, and its points."""
        data = self._reader.get_metrics_data()
        assert data is not None
        [metric] = data.resource_metrics[0].scope_metrics[0].metrics
        return metric, list(metric.data.data_points)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"driver": "redis"}, {"db.system.name": "redis"}),
        ({"port": 6379}, {"server.port": None}),
        ({"db": 0}, {"db.namespace": "0"}),
        ({"size": 2}, {"db.operation.name": "PIPELINE GET"}),
        ({"name": "PIPELINE", "size": 2}, {"db.operation.name": "PIPELINE"}),
        (
            {"name": "EVALSHA", "script": "lock"},
            {"db.operation.name": "EVALSHA", "db.stored_procedure.name": "lock"},
        ),
        ({"error": ServerTimeoutError("h: away")}, {"error.type": "ServerTimeoutError"}),
        ({"error": KeyboardInterrupt()}, {"error.type": "KeyboardInterrupt"}),
        (
            {"error": WRONGTYPE},
            {"error.type": "WRONGTYPE", "db.response.status_code": "WRONGTYPE"},
        ),
    ],
)
def test_a_round_trip_has_the_conventions_attributes(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The driver, the command, the database, the server; no key, no text."""
    wanted = {name: value for name, value in (USUAL | expected).items() if value is not None}
    assert attributes(trip(**changes)) == wanted


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WRONGTYPE, "WRONGTYPE"),
        (OutOfMemoryError("h:1: OOM command not allowed"), "OOM"),
        (CommandError("h:1: unknown command 'SECRET', with args beginning with: 'x'"), None),
        (CommandError("h:1: ERR: WRONGTYPE key"), None),
        (CommandError("h:1: SECRET of a script"), None),
        (ServerTimeoutError("h:1: WRONGTYPE by chance"), None),
        (None, None),
    ],
)
def test_the_servers_own_word_for_an_error(error: Any, expected: str | None) -> None:
    """Only the prefix of a refusal, and nothing of what follows."""
    assert status_code(error) == expected


def test_a_span_lies_where_the_round_trip_was() -> None:
    """Kind, name, times and attributes; the status of a success is left unset."""
    telemetry = Telemetry()
    told = trip(seconds=0.25)
    telemetry.observer.on_round_trip(told)
    [span] = telemetry.spans()
    assert (span.name, span.kind) == ("GET", SpanKind.CLIENT)
    assert (span.start_time, span.end_time) == (told.started, told.started + 250_000_000)
    assert dict(span.attributes or {}) == USUAL
    assert (span.status.status_code, span.status.description) == (StatusCode.UNSET, None)
    assert span.parent is None


def test_a_failed_span_says_so_without_the_errors_text() -> None:
    """The text may quote anything."""
    telemetry = Telemetry()
    telemetry.observer.on_round_trip(trip(error=WRONGTYPE))
    [span] = telemetry.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert not span.events
    assert "against" not in span.to_json()


def test_a_span_is_the_child_of_the_callers() -> None:
    """Of the one that is current where the command is sent."""
    telemetry = Telemetry()
    tracer = telemetry.provider.get_tracer("test")
    with tracer.start_as_current_span("request") as request:
        telemetry.observer.on_round_trip(trip())
    child = telemetry.spans()[0]
    assert child.parent is not None
    assert child.parent.span_id == request.get_span_context().span_id


def test_a_pipeline_is_one_span() -> None:
    """However many commands are in it; a single command has no batch size."""
    telemetry = Telemetry()
    telemetry.observer.on_round_trip(trip(name="PIPELINE", size=10_000))
    telemetry.observer.on_round_trip(trip(name="SET", size=10_000))
    telemetry.observer.on_round_trip(trip())
    spans = telemetry.spans()
    assert [span.name for span in spans] == ["PIPELINE", "PIPELINE SET", "GET"]
    sizes = [(span.attributes or {}).get("db.operation.batch.size") for span in spans]
    assert sizes == [10_000, 10_000, None]


def test_a_scripts_span_is_named_after_it() -> None:
    """As the conventions name a stored procedure's."""
    telemetry = Telemetry()
    telemetry.observer.on_round_trip(trip(name="EVALSHA", script="limit_gcra"))
    assert [span.name for span in telemetry.spans()] == ["EVALSHA limit_gcra"]


def test_durations_are_recorded_in_seconds() -> None:
    """Name, unit and buckets are the conventions'; one series for each kind of operation."""
    telemetry = Telemetry()
    for seconds in (0.0004, 0.03, 0.03):
        telemetry.observer.on_round_trip(trip(seconds=seconds))
    telemetry.observer.on_round_trip(trip(name="PIPELINE", size=3, seconds=7.0))
    telemetry.observer.on_round_trip(trip(name="PIPELINE", size=4, seconds=7.0))
    metric, points = telemetry.histogram()
    assert (metric.name, metric.unit) == ("db.client.operation.duration", "s")
    assert list(points[0].explicit_bounds) == [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
    assert [(dict(point.attributes), point.count) for point in points] == [
        (USUAL, 3),
        (USUAL | {"db.operation.name": "PIPELINE"}, 2),
    ]
    assert points[0].bucket_counts == (1, 0, 0, 2, 0, 0, 0, 0, 0, 0)
    assert points[0].sum == pytest.approx(0.0604)


def test_without_providers_the_global_ones_are_used() -> None:
    """Where nobody set any up they do nothing, and raise nothing."""
    assert operation(trip()) == "GET"
    OpenTelemetryObserver().on_round_trip(trip())
