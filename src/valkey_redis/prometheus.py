"""Metrics for Prometheus: `PrometheusObserver` for the clients, `ServerCollector` for the servers.

Every label has few values: families of commands, names of classes, servers, and what a program
names itself (namespaces, policies), of which the first hundred are kept apart.
"""

import threading
from collections.abc import Iterable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from valkey_redis.circuit import State
from valkey_redis.decision import Decision
from valkey_redis.families import Family, family
from valkey_redis.observability import Observer, RoundTrip
from valkey_redis.server_metrics import ServerCollector

__all__ = ["PrometheusObserver", "ServerCollector", "outcome"]

MOST = 100  # values of a label that are kept apart; all others are "other"
STATES: dict[State, int] = {"closed": 0, "half_open": 1, "open": 2}
# Seconds.
_QUICK = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def outcome(decision: Decision) -> str:
    """Return how a limiter's decision is counted; one made without its server says so."""
    if decision.is_degraded:
        return "degraded"
    return "admitted" if decision.allowed else "refused"


class _Metrics:
    """The metrics of one registry: it takes each name once, whoever asks for it."""

    _made: ClassVar[WeakKeyDictionary[CollectorRegistry, "_Metrics"]] = WeakKeyDictionary()
    _making = threading.Lock()

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, label: str, buckets: Iterable[float]) -> Histogram:
            return Histogram(name, text, (label,), registry=registry, buckets=tuple(buckets))

        self.cache = counter(
            "valkey_cache_events_total", "What the caches did.", "namespace", "event"
        )
        self.loads = histogram(
            "valkey_cache_load_seconds",
            "How long a load took.",
            "namespace",
            (0.001, 0.005, *_SLOW),
        )
        self.commands = histogram(
            "valkey_command_seconds", "How long a round trip took.", "family", (*_QUICK, *_SLOW)
        )
        self.errors = counter("valkey_errors_total", "Round trips that failed.", "kind")
        self.retries = counter("valkey_retries_total", "Commands sent again.", "family")
        self.breaker = Gauge(
            "valkey_breaker_state",
            "0 closed, 1 half-open, 2 open.",
            ("server",),
            registry=registry,
        )
        self.changes = counter(
            "valkey_breaker_changes_total", "Breakers that changed.", "server", "state"
        )
        self.limits = counter(
            "valkey_limit_decisions_total", "What the limiters decided.", "policy", "outcome"
        )

    @classmethod
    def of(cls, registry: CollectorRegistry) -> "_Metrics":
        """Return the registry's metrics, made at the first call."""
        with cls._making:
            if registry not in cls._made:
                cls._made[registry] = cls(registry)
            return cls._made[registry]


class _Children(dict[tuple[str, ...], Any]):
    """A metric's series by their labels: to ask the metric for one takes a lock, and longer.

    From the hundredth name of a label on, a new one is "other".
    """

    def __init__(self, metric: Any) -> None:
        super().__init__()
        self._metric = metric
        self._seen: list[set[str]] = []

    def __missing__(self, labels: tuple[str, ...]) -> Any:
        self._seen = self._seen or [set() for _ in labels]
        shown = []
        for seen, label in zip(self._seen, labels, strict=True):
            if label not in seen and len(seen) < MOST:
                seen.add(label)
            shown.append(label if label in seen else "other")
        child = self._metric.labels(*shown)
        if shown == list(labels):  # else the names that somebody makes up would fill the memory
            self[labels] = child
        return child


class PrometheusObserver(Observer):
    """Count and time what the clients do, in a registry (prometheus_client's default one).

    One observer serves any number of clients; two of them on one registry count together.
    A call that was refused unsent is counted as an error and not timed.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        metrics = _Metrics.of(REGISTRY if registry is None else registry)
        self._cache, self._loads = _Children(metrics.cache), _Children(metrics.loads)
        self._errors, self._retries = _Children(metrics.errors), _Children(metrics.retries)
        self._breaker, self._changes = _Children(metrics.breaker), _Children(metrics.changes)
        self._limits = _Children(metrics.limits)
        self._commands: dict[Family, Any] = {}
        self._metrics = metrics
        self._servers: set[str] = set()

    def on_round_trip(self, trip: RoundTrip) -> None:
        """Time it by its family, and count its error by its kind."""
        kind = family(trip.name, trip.script, trip.size)
        if trip.seconds:
            timed = self._commands.get(kind)
            if timed is None:
                timed = self._commands[kind] = self._metrics.commands.labels(kind)
            timed.observe(trip.seconds)
        if trip.error is not None:
            self._errors[(type(trip.error).__name__,)].inc()
        if trip.server not in self._servers and len(self._servers) < MOST:
            self._servers.add(trip.server)
            if "+cluster" not in trip.server:  # a cluster has a breaker for each shard
                self._breaker[(trip.server,)].inc(0)  # so that "closed" is seen before "open"

    def on_retry(self, server: str, name: str) -> None:  # noqa: ARG002 - the hook's
        """Count it by its family."""
        self._retries[(family(name),)].inc()

    def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:
        """Count the event, and time a load."""
        self._cache[namespace, event].inc(times)
        if event == "load":
            self._loads[(namespace,)].observe(seconds)

    def on_limit(self, decision: Decision) -> None:
        """Count the decision."""
        self._limits[decision.policy.name, outcome(decision)].inc()

    def on_breaker(self, name: str, state: State) -> None:
        """Show the new state, and count the change."""
        self._breaker[(name,)].set(STATES[state])
        self._changes[name, state].inc()
