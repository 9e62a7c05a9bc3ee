"""What the clients do, as Prometheus reads it."""

import subprocess
import sys

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from tests.support.observing import SERVER, samples, trip

from valkey_redis import CircuitOpenError, FixedWindow, ServerTimeoutError
from valkey_redis.caching import EVENTS
from valkey_redis.decision import Decision
from valkey_redis.prometheus import MOST, PrometheusObserver, outcome

LIMIT = FixedWindow(10, per=60, name="login")


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return an empty registry."""
    return CollectorRegistry()


@pytest.fixture
def observer(registry: CollectorRegistry) -> PrometheusObserver:
    """Return an observer of the registry."""
    return PrometheusObserver(registry)


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_of_a_cache_is_counted(
    registry: CollectorRegistry, observer: PrometheusObserver, event: str
) -> None:
    """By namespace and event, as often as it happened; only a load is timed."""
    observer.on_cache("users", event, 0.2, 1)
    observer.on_cache("users", event, 0.2, 3)
    observer.on_cache("other", event, 0.0, 1)
    found = samples(registry)
    assert found["valkey_cache_events_total", f"event={event}", "namespace=users"] == 4
    assert found["valkey_cache_events_total", f"event={event}", "namespace=other"] == 1
    loads = found.get(("valkey_cache_load_seconds_count", "namespace=users"))
    assert loads == (2 if event == "load" else None)
    if event == "load":
        assert found["valkey_cache_load_seconds_sum", "namespace=users"] == pytest.approx(0.4)


def test_a_round_trip_is_timed_by_its_family(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """Whether it succeeds or not; several commands at once are one round trip."""
    observer.on_round_trip(trip(seconds=0.0002))
    observer.on_round_trip(trip(seconds=3.0, error=ServerTimeoutError("away")))
    observer.on_round_trip(trip(name="PIPELINE", size=5, seconds=0.03))
    observer.on_round_trip(trip(name="EVALSHA", script="lock", seconds=0.03))
    found = samples(registry)
    assert found["valkey_command_seconds_count", "family=string"] == 2
    assert found["valkey_command_seconds_sum", "family=string"] == pytest.approx(3.0002)
    assert found["valkey_command_seconds_bucket", "family=string", "le=0.00025"] == 1
    assert found["valkey_command_seconds_bucket", "family=string", "le=2.5"] == 1
    assert found["valkey_command_seconds_bucket", "family=string", "le=5.0"] == 2
    for other in ("pipeline", "script"):
        assert found["valkey_command_seconds_count", f"family={other}"] == 1
    assert found["valkey_errors_total", "kind=ServerTimeoutError"] == 1


def test_what_was_never_sent_is_an_error_and_has_no_latency(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """Else an outage would look like the quickest of servers."""
    observer.on_round_trip(trip(seconds=0.0, error=CircuitOpenError("open", 0.5)))
    found = samples(registry)
    assert found["valkey_errors_total", "kind=CircuitOpenError"] == 1
    assert not [name for name, *_ in found if name.startswith("valkey_command_seconds")]


def test_retries_are_counted_by_family(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """A script's too."""
    observer.on_retry(SERVER, "GET")
    observer.on_retry(SERVER, "MGET")
    observer.on_retry(SERVER, "EVALSHA")
    found = samples(registry)
    assert found["valkey_retries_total", "family=string"] == 2
    assert found["valkey_retries_total", "family=script"] == 1


def test_a_breaker_shows_its_state_and_its_changes(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """It is seen as closed from the first round trip on; what a later one finds changes nothing."""
    shown = ("valkey_breaker_state", f"server={SERVER}")
    observer.on_round_trip(trip())
    assert samples(registry)[shown] == 0
    for state, figure in (("open", 2), ("half_open", 1), ("open", 2), ("closed", 0), ("open", 2)):
        observer.on_breaker(SERVER, state)
        assert samples(registry)[shown] == figure
    observer.on_round_trip(trip())
    found = samples(registry)
    assert found[shown] == 2
    counts = {
        state: found["valkey_breaker_changes_total", f"server={SERVER}", f"state={state}"]
        for state in ("open", "half_open", "closed")
    }
    assert counts == {"open": 3, "half_open": 1, "closed": 1}


def test_a_breaker_that_opened_first_stays_open(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """The first round trip fails: the breaker is told of before it."""
    observer.on_breaker(SERVER, "open")
    observer.on_round_trip(trip(error=ServerTimeoutError("away")))
    assert samples(registry)["valkey_breaker_state", f"server={SERVER}"] == 2


def test_a_cluster_has_no_breaker_of_its_own(
    registry: CollectorRegistry, observer: PrometheusObserver
) -> None:
    """Its shards have."""
    observer.on_round_trip(trip(server="valkey+cluster://a:1,b:2"))
    assert not [name for name, *_ in samples(registry) if name == "valkey_breaker_state"]


@pytest.mark.parametrize(
    ("allowed", "is_degraded", "expected"),
    [
        (True, False, "admitted"),
        (False, False, "refused"),
        (True, True, "degraded"),
        (False, True, "degraded"),
    ],
)
def test_a_limiters_decisions_are_counted(
    registry: CollectorRegistry,
    observer: PrometheusObserver,
    allowed: bool,
    is_degraded: bool,
    expected: str,
) -> None:
    """By policy and outcome; one without the server is neither admitted nor refused."""
    decision = Decision(allowed, LIMIT, 3, 0.0, 1.0, is_degraded)
    assert outcome(decision) == expected
    observer.on_limit(decision)
    found = samples(registry)
    assert found["valkey_limit_decisions_total", f"outcome={expected}", "policy=login"] == 1


def test_two_observers_of_one_registry_count_together(registry: CollectorRegistry) -> None:
    """A registry takes a name once; two parts of a program may each make an observer."""
    for _ in range(2):
        PrometheusObserver(registry).on_cache("users", "hit", 0.0, 1)
    assert samples(registry)["valkey_cache_events_total", "event=hit", "namespace=users"] == 2


def test_registries_are_apart(registry: CollectorRegistry, observer: PrometheusObserver) -> None:
    """What one shows is not in another."""
    PrometheusObserver(CollectorRegistry()).on_cache("users", "hit", 0.0, 1)
    observer.on_cache("users", "miss", 0.0, 1)
    key = ("valkey_cache_events_total", "event=hit", "namespace=users")
    assert key not in samples(registry)


def test_the_default_registry_is_the_librarys() -> None:
    """As `prometheus_client.generate_latest()` shows it."""
    PrometheusObserver().on_cache("default-registry", "hit", 0.0, 1)
    key = ("valkey_cache_events_total", "event=hit", "namespace=default-registry")
    assert samples(REGISTRY)[key] == 1


def test_labels_are_bounded(registry: CollectorRegistry, observer: PrometheusObserver) -> None:
    """Names that a program makes up count together from the hundredth on, and none is lost."""
    for i in range(3 * MOST):
        observer.on_cache(f"tenant-{i}", "load", 0.1, 1)
        observer.on_limit(Decision(True, FixedWindow(1, per=1, name=f"p{i}"), 0, 0.0, 1.0))
        observer.on_breaker(f"node-{i}", "open")
        observer.on_round_trip(
            trip(server=f"valkey://{i}", error=type(f"E{i}", (Exception,), {})())
        )
    found = samples(registry)
    totals = {
        name: [value for (own, *labels), value in found.items() if own == name]
        for name in (
            "valkey_cache_events_total",
            "valkey_cache_load_seconds_count",
            "valkey_limit_decisions_total",
            "valkey_breaker_changes_total",
            "valkey_errors_total",
        )
    }
    for name, values in totals.items():
        assert (len(values), sum(values)) == (MOST + 1, 3 * MOST), name
    assert len([1 for name, *_ in found if name == "valkey_breaker_state"]) <= 2 * MOST + 1
    assert found["valkey_errors_total", "kind=other"] == 2 * MOST


def test_to_import_the_package_imports_no_sink() -> None:
    """They are extras, and take their time."""
    code = "import sys, valkey_redis; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "valkey_redis" in loaded
    assert not loaded & {"prometheus_client", "opentelemetry", "fastapi", "starlette"}
