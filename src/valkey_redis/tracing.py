"""Spans and durations for OpenTelemetry, by its database conventions.

https://opentelemetry.io/docs/specs/semconv/db/redis/ (read in November 2026). They know the system
"redis"; "valkey" is proposed (open-telemetry/semantic-conventions, issue 4127), and until then what
they call a custom value. `db.query.text` is left out: it would hold keys.
"""

import re
from typing import Any

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider, get_tracer

from valkey_redis.address import DEFAULT_PORT
from valkey_redis.errors import CommandError
from valkey_redis.observability import Observer, RoundTrip

# Seconds; the conventions' own.
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
_PREFIX = re.compile(r"\S+: ([A-Z]+) ")  # "valkey://host:6379: WRONGTYPE Operation against ..."
# The server's own; what else an error begins with may be of a script's making.
_CODES = frozenset(
    "BUSY BUSYGROUP BUSYKEY CROSSSLOT ERR EXECABORT MISCONF NOGROUP NOREPLICAS NOSCRIPT NOTBUSY OOM"
    " READONLY UNKILLABLE WRONGTYPE".split()
)


def operation(trip: RoundTrip) -> str:
    """Return `db.operation.name`: "GET", "PIPELINE GET" for several alike, else "PIPELINE"."""
    if trip.size > 1 and trip.name != "PIPELINE":
        return f"PIPELINE {trip.name}"
    return trip.name


def status_code(error: BaseException | None) -> str | None:
    """Return the word that the server's refusal began with, e.g. "WRONGTYPE"; None if it gave none."""
    found = _PREFIX.match(str(error)) if isinstance(error, CommandError) else None
    return found[1] if found and found[1] in _CODES else None


def attributes(trip: RoundTrip) -> dict[str, Any]:
    """Return what the conventions want to be known of a round trip.

    `db.namespace` is the database that the connections began with. `error.type` is the server's
    own word for it where it gave one, else the name of this package's error.
    """
    known: dict[str, Any] = {
        "db.system.name": trip.driver,
        "db.operation.name": operation(trip),
        "db.namespace": str(trip.db),
        "server.address": trip.host,
    }
    if trip.port != DEFAULT_PORT:
        known["server.port"] = trip.port
    if trip.script is not None:
        known["db.stored_procedure.name"] = trip.script
    if trip.error is not None:
        code = status_code(trip.error)
        known["error.type"] = code or type(trip.error).__qualname__
        if code:
            known["db.response.status_code"] = code
    return known


class OpenTelemetryObserver(Observer):
    """Make a span of each round trip, a child of the caller's, and record how long it took.

    One span however many commands go in it. The providers are OpenTelemetry's global ones if none
    are given. A span has no text of an error: that may be anything.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = get_tracer("valkey_redis", tracer_provider=tracer_provider)
        self._seconds = get_meter("valkey_redis", meter_provider=meter_provider).create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Make the span after the fact, and record its duration."""
        known = attributes(trip)
        self._seconds.record(trip.seconds, known)
        if trip.size > 1:
            known["db.operation.batch.size"] = trip.size
        # The conventions' name is the operation and its target; the database's number is none.
        name = " ".join(filter(None, (known["db.operation.name"], trip.script)))
        span = self._tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes=known, start_time=trip.started
        )
        if trip.error is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(trip.started + round(trip.seconds * 1e9))
