"""Example 8: what a cache and its server tell: ratios, times, slow commands, keys, health, spans."""

import time
from collections import Counter
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from valkey_redis import Cache, ValkeyClient
from valkey_redis.examples._demo import demo_client
from valkey_redis.health import ValkeyHealth
from valkey_redis.prometheus import PrometheusObserver, ServerCollector
from valkey_redis.tracing import OpenTelemetryObserver

NAMESPACE = "example8"
SLOW = "local sum = 0 for i = 1, 3000000 do sum = sum + i end return redis.call('EXISTS', KEYS[1])"


def what_the_cache_did(client: ValkeyClient, registry: CollectorRegistry) -> None:
    """Read, then ask the registry as Prometheus does: events, a histogram, the server's INFO."""
    cache = Cache(client, namespace=NAMESPACE, ttl=60)
    for number in range(200):
        cache.get_or_set(f"user:{number % 25}", lambda: time.sleep(0.002))
    of_it, value = {"namespace": NAMESPACE}, registry.get_sample_value
    hits = value("valkey_cache_events_total", of_it | {"event": "hit"})
    print(f"{hits:.0f} of 200 reads are hits")
    for bound in ("0.001", "1.0"):
        loads = value("valkey_cache_load_seconds_bucket", of_it | {"le": bound})
        print(f"loads of at most {float(bound):g} s: {loads:.0f}")
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    print("shards up:", [int(s.value) for s in samples if s.name == "valkey_shard_up"])


def slow_big_and_hot(client: ValkeyClient) -> None:
    """Find the slowest command, the biggest key, and the one that is read most, on the server."""
    raw: Any = client.raw  # the driver's own
    raw.eval(SLOW, 1, f"{NAMESPACE}:none")
    slowest = max(raw.slowlog_get(-1), key=lambda entry: entry["duration"])
    name = slowest["command"].split()[0].decode()  # its arguments are not for a report
    print(f"\nslow: {name}, for {slowest['duration'] / 1000:.0f} ms nobody else was served")

    client.set(f"{NAMESPACE}:basket", ["lamp"] * 10_000, ex=60)
    sizes = {key: raw.memory_usage(key) or 0 for key in client.scan(f"{NAMESPACE}*")}
    print(f"big: {max(sizes, key=lambda key: sizes[key])}, {max(sizes.values()):,} bytes")

    reads: Counter[str] = Counter()
    with raw.monitor() as monitor:  # for a moment only: it slows down everybody
        for number in range(100):
            client.get(f"{NAMESPACE}:{'lamp' if number % 4 else number}")
        client.exists(end := f"{NAMESPACE}:end")
        for seen in monitor.listen():
            command, *words = seen["command"].split()
            if end in words:
                break
            reads.update(words if command == "GET" else [])
    print("hot: {}, {} of 100 reads".format(*reads.most_common(1)[0]))


if __name__ == "__main__":
    spans, tracing, registry = InMemorySpanExporter(), TracerProvider(), CollectorRegistry()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    observers = [PrometheusObserver(registry), OpenTelemetryObserver(tracing)]
    nobody = ValkeyClient("valkey://127.0.0.1:1")
    with demo_client() as bare, ValkeyClient(bare.config, observers=observers) as client:
        registry.register(ServerCollector(client, timeout=5))
        what_the_cache_did(client, registry)
        slow_big_and_hot(client)
        for one in (client, nobody):
            status = ValkeyHealth(one, timeout=5).get_health_status()
            print(f"\n{status.state}: live {status.is_live}, ready {status.is_ready}", end="")
        spans.clear()
        with tracing.get_tracer(__name__).start_as_current_span("\n\na page"):
            client.pipeline().get(f"{NAMESPACE}:lamp").get(f"{NAMESPACE}:pen").execute()
        for span in reversed(spans.get_finished_spans()):
            print(span.name, dict(span.attributes or {}))
        client.delete(*client.scan(f"{NAMESPACE}*"))
