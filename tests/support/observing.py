"""What the tests of the observers share: round trips as told, and what a registry shows."""

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from valkey_redis.observability import RoundTrip

SERVER = "valkey://cache.example:7000"


def trip(**changes: Any) -> RoundTrip:
    """Return a round trip: a GET of two milliseconds, with these changes."""
    usual: dict[str, Any] = {
        "driver": "valkey",
        "server": SERVER,
        "host": "cache.example",
        "port": 7000,
        "db": 3,
        "name": "GET",
        "size": 1,
        "script": None,
        "started": 1_700_000_000_000_000_000,
        "seconds": 0.002,
        "error": None,
    }
    return RoundTrip(**usual | changes)


def samples(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Return all values by name and labels, as both of Prometheus's own parsers read them.

    When a series was created is left out: one format says it in one way, the other in another.
    """
    plain = text_string_to_metric_families(generate_latest(registry).decode())
    modern = openmetrics.text_string_to_metric_families(
        exposition.generate_latest(registry).decode()
    )
    found, again = (
        {
            (
                one.name,
                *(f"{name}={value}" for name, value in sorted(one.labels.items())),
            ): one.value
            for family in families
            for one in family.samples
            if not one.name.endswith("_created")
        }
        for families in (plain, modern)
    )
    assert found.keys() == again.keys()
    return found
