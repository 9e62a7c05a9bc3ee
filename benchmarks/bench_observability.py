"""What it costs to be watched: `make bench`.

A GET and a cached hit with no observer, and with each sink, as ratios to none: less is cheaper.
OpenTelemetry's are its own SDK's, with a batch processor whose exporter throws away, and every
call sampled. The last work is what a call pays where nobody listens: to ask whether anybody does.
"""

import asyncio
import gc
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from benchmarks._bench import Row, brief, options, paired, ratio_row, scene, table
from valkey_redis import AsyncCache, AsyncValkeyClient, Cache, ValkeyClient
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.event_log import LogObserver
from valkey_redis.observability import Observer, Observers
from valkey_redis.prometheus import PrometheusObserver
from valkey_redis.tracing import OpenTelemetryObserver

PACKAGES = ("valkey", "libvalkey", "prometheus-client", "opentelemetry-sdk")
BASE = "no observer"
KEY, VALUE = "bench", "x" * 200
HOOK = "is anybody listening"


class _Nowhere(SpanExporter):
    """Throws spans away: what an exporter costs is its own affair."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the SDK's
        return SpanExportResult.SUCCESS


class Sinks:
    """The contenders: which observers each client has."""

    def __init__(self) -> None:
        self._tracers = TracerProvider()
        self._tracers.add_span_processor(BatchSpanProcessor(_Nowhere()))
        self._meters = MeterProvider([InMemoryMetricReader()])
        prometheus = PrometheusObserver(CollectorRegistry())
        tracing = OpenTelemetryObserver(self._tracers, self._meters)
        log = LogObserver(slow=60)
        self.observers: Mapping[str, Sequence[Observer]] = {
            BASE: (),
            "log": (log,),
            "Prometheus": (prometheus,),
            "OpenTelemetry": (tracing,),
            "all three": (prometheus, tracing, log),
        }

    def close(self) -> None:
        """End the SDK's threads."""
        self._tracers.shutdown()
        self._meters.shutdown()


class Bench:
    """The works on one server; `calls` is how often a stretch calls what it times."""

    def __init__(self, server: EmbeddedServer, rounds: int, *, is_quick: bool) -> None:
        self._server, self._rounds = server, rounds
        self._calls = 20 if is_quick else 500
        self._sinks = Sinks()
        self.contenders = list(self._sinks.observers)

    def run(self) -> list[Row]:
        """Do every work; return the table's rows."""
        rows = self._sync()
        rows += asyncio.run(self._async())
        self._sinks.close()
        return [*rows, self._hook()]

    def _sync(self) -> list[Row]:
        clients = {
            name: ValkeyClient(self._server.config, observers=observers)
            for name, observers in self._sinks.observers.items()
        }
        clients[BASE].set(KEY, VALUE)
        hits = {name: Cache(client, beta=0) for name, client in clients.items()}
        hits[BASE].set(KEY, VALUE)
        works: dict[str, dict[str, Callable[[], Any]]] = {
            "GET, 200 B": {name: _bind(client.get) for name, client in clients.items()},
            "cached hit": {name: _bind(cache.get) for name, cache in hits.items()},
        }
        rows = []
        for work, calls in works.items():
            _tell(work)
            stretches = {name: self._stretch(call) for name, call in calls.items()}
            rows.append(ratio_row(work, paired(stretches, self._rounds), BASE))
        for client in clients.values():
            client.close()
        return rows

    def _stretch(self, call: Callable[[], Any]) -> Callable[[], float]:
        _check(call())

        def stretch() -> float:
            begun = time.perf_counter()
            for _ in range(self._calls):
                call()
            return (time.perf_counter() - begun) / self._calls

        return stretch

    async def _async(self) -> list[Row]:
        clients = {
            name: AsyncValkeyClient(self._server.config, observers=observers)
            for name, observers in self._sinks.observers.items()
        }
        hits = {name: AsyncCache(client, beta=0) for name, client in clients.items()}
        works: dict[str, dict[str, Callable[[], Any]]] = {
            "GET, 200 B, async": {name: _bind(client.get) for name, client in clients.items()},
            "cached hit, async": {name: _bind(cache.get) for name, cache in hits.items()},
        }
        rows = []
        for work, calls in works.items():
            _tell(work)
            seconds: dict[str, list[float]] = {name: [] for name in calls}
            for call in calls.values():
                _check(await call())
            # As `paired` does, for coroutines of one loop.
            for number in range(self._rounds + 1):
                gc.collect()
                for name in list(calls)[:: 1 if number % 2 else -1]:
                    begun = time.perf_counter()
                    for _ in range(self._calls):
                        await calls[name]()
                    if number:
                        seconds[name].append((time.perf_counter() - begun) / self._calls)
            rows.append(ratio_row(work, seconds, BASE))
        for client in clients.values():
            await client.close()
        return rows

    def _hook(self) -> Row:
        """Time the question, as `Call` asks it, twice a call."""
        times = 100 * self._calls
        nobody = Observers()
        spent = timeit.repeat("nobody or nobody", globals={"nobody": nobody}, number=times)
        return Row(HOOK, {BASE: brief(statistics.median(spent) / times)})


def _bind(get: Callable[[str], Any]) -> Callable[[], Any]:
    return lambda: get(KEY)


def _check(answer: Any) -> None:
    """Refuse to time one who does not answer."""
    if answer != VALUE:
        raise AssertionError(f"not the value: {answer!r:.60}")


def _tell(work: str) -> None:
    if sys.stderr.isatty():
        print(f"{work} ...", file=sys.stderr)


def main() -> None:
    """Measure, and print the table."""
    given = options(str(__doc__).partition("\n")[0])
    gc.freeze()  # what the imports made need not be looked at again
    begun = time.monotonic()
    with EmbeddedServer() as server:
        bench = Bench(server, given.rounds, is_quick=given.quick)
        rows = bench.run()
    print(table(rows, bench.contenders, {}))
    if not given.markdown:
        print(f"\n{scene(PACKAGES)}; {given.rounds} rounds, {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
