"""What is logged, and what is not."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.observing import SERVER, trip

from valkey_redis import InvalidArgumentError, ServerTimeoutError
from valkey_redis.event_log import MOST, QUIET, LogObserver
from workshop.clock import Clock, virtual_time


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """Let the time stand still."""
    with virtual_time() as clock:
        yield clock


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def facts(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the structured part of each record, as a JSON formatter would write it."""
    found = []
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        own = {name[7:]: value for name, value in vars(record).items() if name[:7] == "valkey_"}
        found.append(json.loads(json.dumps(own)))
    return found


def test_a_slow_round_trip_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """From the threshold on; with what was sent, to whom, and how long it took."""
    observer = LogObserver(slow=0.05)
    observer.on_round_trip(trip(seconds=0.049))
    observer.on_round_trip(trip(name="EVALSHA", script="lease", seconds=0.05))
    assert facts(caplog) == [
        {
            "event": "slow",
            "server": SERVER,
            "command": "EVALSHA",
            "family": "script",
            "script": "lease",
            "size": 1,
            "seconds": 0.05,
        }
    ]
    [record] = caplog.records
    assert (record.name, record.levelname) == ("valkey_redis.events", "WARNING")
    assert record.getMessage() == f"{SERVER}: lease took 50.0 ms"


def test_a_failure_is_logged_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    """And never its text, which may quote anything."""
    LogObserver().on_round_trip(trip(error=ServerTimeoutError("hunter2"), seconds=1.5))
    [fact] = facts(caplog)
    assert (fact["event"], fact["error"], fact["seconds"]) == ("error", "ServerTimeoutError", 1.5)
    assert caplog.messages == [f"{SERVER}: GET failed after 1500.0 ms: ServerTimeoutError"]
    assert "hunter2" not in str([vars(record) for record in caplog.records])


def test_a_flood_becomes_a_line_a_second(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """The next line says how many were left out; another kind, or another server, is news."""
    observer = LogObserver()
    for _ in range(1000):
        observer.on_round_trip(trip(error=ServerTimeoutError()))
    observer.on_round_trip(trip(error=KeyError()))
    observer.on_round_trip(trip(error=KeyError(), server="valkey://other"))
    assert [fact.get("left_out") for fact in facts(caplog)] == [None, None, None]
    clock.advance(QUIET / 2)
    observer.on_round_trip(trip(error=ServerTimeoutError()))
    assert len(caplog.records) == 3
    clock.advance(QUIET / 2)
    observer.on_round_trip(trip(error=ServerTimeoutError()))
    assert facts(caplog)[3]["left_out"] == 1000
    assert caplog.messages[3].endswith("ServerTimeoutError (1000 more like it before)")
    clock.advance(QUIET)
    observer.on_round_trip(trip(error=ServerTimeoutError()))
    assert "left_out" not in facts(caplog)[4]


def test_what_is_remembered_of_a_flood_is_bounded() -> None:
    """A program that makes namespaces up does not fill the memory."""
    observer = LogObserver()
    for i in range(3 * MOST):
        observer.on_cache(f"tenant-{i}", "load_error", 0.1, 1)
    assert len(observer._left_out) <= MOST


def test_each_change_of_a_breaker_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """At once and always: it is what an outage is told by."""
    for _ in range(2):
        LogObserver().on_breaker(SERVER, "open")
        LogObserver().on_breaker(SERVER, "half_open")
        LogObserver().on_breaker(SERVER, "closed")
    assert [fact["state"] for fact in facts(caplog)] == ["open", "half_open", "closed"] * 2
    assert {fact["server"] for fact in facts(caplog)} == {SERVER}
    levels = [record.levelname for record in caplog.records[:3]]
    assert levels == ["WARNING", "INFO", "INFO"]
    assert caplog.messages[0] == f"{SERVER}: the breaker is open"


@pytest.mark.parametrize("event", ["load_error", "corrupt"])
def test_what_is_wrong_with_a_cache_is_logged(caplog: pytest.LogCaptureFixture, event: str) -> None:
    """A load that failed, and bytes that are no value; by namespace."""
    LogObserver().on_cache("users", event, 0.1, 2)
    assert facts(caplog) == [{"event": event, "namespace": "users", "times": 2}]


def test_what_goes_well_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A line for each hit would cost more than the hit."""
    observer = LogObserver()
    for event in ("hit", "miss", "stale", "shared", "load", "refused", "error"):
        observer.on_cache("users", event, 10.0, 1)
    observer.on_round_trip(trip())
    assert caplog.records == []


def test_a_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """As information: it may well succeed."""
    LogObserver().on_retry(SERVER, "GET")
    assert facts(caplog) == [{"event": "retry", "server": SERVER, "command": "GET"}]
    assert caplog.records[0].levelname == "INFO"


def test_a_logger_of_ones_own(caplog: pytest.LogCaptureFixture) -> None:
    """Takes it all."""
    LogObserver(logging.getLogger("mine")).on_breaker(SERVER, "open")
    assert caplog.records[0].name == "mine"


@pytest.mark.parametrize("slow", [0, -1, float("nan"), True, "1"])
def test_a_threshold_that_is_none_is_refused(slow: Any) -> None:
    """With what was given, and what is taken."""
    with pytest.raises(InvalidArgumentError, match=r"slow=.*takes seconds"):
        LogObserver(slow=slow)
