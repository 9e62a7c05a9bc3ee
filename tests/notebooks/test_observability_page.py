"""The page's tables name all that the sinks show, and nothing else."""

import logging
import re

import pytest
from prometheus_client import CollectorRegistry
from tests.support.observing import trip

from valkey_redis import ServerTimeoutError, ValkeyClient
from valkey_redis.caching import EVENTS
from valkey_redis.event_log import LogObserver
from valkey_redis.families import FAMILIES
from valkey_redis.prometheus import PrometheusObserver, ServerCollector
from valkey_redis.tracing import attributes
from workshop.manifest import ROOT

PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
METRIC = re.compile(r"valkey_(?:cache|command|errors|retries|breaker|limit|shard|pool)[a-z_]*")


def section(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    _, _, below = PAGE.partition(f"# {heading}\n")
    assert below, heading
    return re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]


def metrics() -> set[str]:
    """Return the names of all metrics, as Prometheus shows them."""
    registry = CollectorRegistry()
    PrometheusObserver(registry)
    with ValkeyClient("valkey://127.0.0.1:1") as client:
        shown = [*registry.collect(), *ServerCollector(client).describe()]
    return {metric.name + "_total" * (metric.type == "counter") for metric in shown}


def test_the_tables_name_every_metric() -> None:
    """What is shown is explained, with its families and events; what is explained is shown."""
    text = section("Metrics")
    assert set(METRIC.findall(text)) == metrics()
    assert f"Families are: {', '.join(FAMILIES)}." in " ".join(text.split())
    assert [event for event in EVENTS if not re.search(rf"\b{event}\b", text)] == []


def test_an_alert_asks_for_a_metric_that_there_is() -> None:
    """A histogram's are its buckets and its count."""
    asked = {
        re.sub(r"_(bucket|count)$", "", name) for name in METRIC.findall(section("Which alert"))
    }
    assert len(asked) > 5
    assert asked <= metrics()


def test_the_table_names_every_attribute_of_a_span() -> None:
    """And none that a span has not, but for one that the page says is left out."""
    failed = ServerTimeoutError("valkey://h:1: no answer")
    known = attributes(trip(error=failed, script="lock")).keys()
    rows = re.findall(r"^\| (`.*?`) \|", section("Attributes of a span"), re.MULTILINE)
    named = set(re.findall(r"`([a-z._]+)`", " ".join(rows)))
    assert named == {*known, "db.operation.batch.size", "db.response.status_code"}


def test_the_table_names_every_field_of_a_log_record(caplog: pytest.LogCaptureFixture) -> None:
    """Each event, with the fields that it really has."""
    caplog.set_level(logging.INFO, "valkey_redis.events")
    observer = LogObserver(slow=1)
    observer.on_round_trip(trip(error=ServerTimeoutError("valkey://h:1: no answer")))
    observer.on_round_trip(trip(seconds=2))
    observer.on_retry("valkey://h:1", "GET")
    for event in EVENTS:
        observer.on_cache("shop", event, 0.0, 1)
    observer.on_breaker("valkey://h:1", "open")
    told = {
        fields.pop("valkey_event"): set(fields)
        for record in caplog.records
        if (fields := {name: fact for name, fact in vars(record).items() if "valkey_" in name})
    }
    text = section("Fields of a log record")
    _, _, *rows = re.findall(r"^\|(.*?)\|.*?\|(.*)\|$", text, re.MULTILINE)
    said = {
        event: set(re.findall(r"valkey_\w+", fields))
        for events, fields in rows
        for event in re.findall(r"\w+", events)
    }
    said["slow"] = said["error"] - {"valkey_error"}  # "the same without the error"
    assert said == told
