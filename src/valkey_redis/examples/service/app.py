"""How the service is put together."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from prometheus_client import CollectorRegistry, Histogram

from valkey_redis.cache import AsyncCache
from valkey_redis.client import AsyncValkeyClient
from valkey_redis.codec import PydanticCodec
from valkey_redis.config import ValkeyConfig
from valkey_redis.event_log import LogObserver
from valkey_redis.examples.service.access import Access
from valkey_redis.examples.service.accounts import Service, router
from valkey_redis.examples.service.database import Database
from valkey_redis.examples.service.models import Preferences, Profile
from valkey_redis.examples.service.settings import Settings
from valkey_redis.examples.service.users import Nearby, Users
from valkey_redis.fastapi import (
    BodyLimitMiddleware,
    ByAddress,
    DeadlineMiddleware,
    RateLimitMiddleware,
    SessionMiddleware,
    add_exception_handlers,
    health_routes,
    metrics_routes,
    valkey_lifespan,
)
from valkey_redis.limits import Policy, SlidingCounter
from valkey_redis.observability import Observer
from valkey_redis.prometheus import PrometheusObserver, ServerCollector
from valkey_redis.ratelimit import AsyncRateLimiter
from valkey_redis.session import AsyncSessionStore
from valkey_redis.store import AsyncModelStore
from valkey_redis.tracing import OpenTelemetryObserver

NAMESPACE = "service"
LARGEST_BODY = 10_000  # bytes
FRESH, STALE = 60, 600  # seconds that a profile may be old; and if the database is slow or away
KEPT_FOR = 90 * 86_400  # seconds that preferences are remembered
LOGINS = (
    SlidingCounter(5, per=60, name="guesses"),
    SlidingCounter(100, per=60, name="guesser"),
    SlidingCounter(200, per=3600, name="account"),
)


def create_app(settings: Settings, config: ValkeyConfig) -> FastAPI:
    """Return the service; nothing is connected, opened or begun before it starts."""
    registry, traces = CollectorRegistry(), TracerProvider()
    nearby = Nearby()
    observers: list[Observer] = [
        nearby,
        PrometheusObserver(registry),
        LogObserver(logging.getLogger("service.valkey")),
    ]
    if settings.traces_file is not None:
        observers.append(OpenTelemetryObserver(traces))
    client = AsyncValkeyClient(config, observers=observers)
    cache = AsyncCache(
        client,
        namespace=NAMESPACE,
        codec=PydanticCodec(Profile | None),  # type: ignore[arg-type]  # to mypy, a union is no type
        ttl=FRESH,
        stale_ttl=STALE,
        soft_timeout=0.1,
    )
    queries = Histogram(
        "service_database_seconds", "How long queries took.", ("query",), registry=registry
    )
    database = Database(
        settings.database,
        delay=settings.database_delay,
        on_query=lambda name, seconds: queries.labels(name).observe(seconds),
    )
    for observer in observers:
        database.breaker.listen(observer.on_breaker)
    registry.register(ServerCollector(client))
    address = ByAddress(settings.trusted_proxies)

    def limiter(*policies: Policy, slot: str | None = None) -> AsyncRateLimiter:
        # While the server is away each process limits alone: better than not at all, or nobody.
        return AsyncRateLimiter(
            client, *policies, namespace=NAMESPACE, slot=slot, on_outage="local"
        )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        preferences = AsyncModelStore(
            Preferences, client, prefix=f"{NAMESPACE}.preferences", default_ttl=KEPT_FOR
        )
        app.state.service = Service(
            Users(database, cache, nearby, preferences),
            limiter(SlidingCounter(settings.sign_ups_per_hour, per=3600, name="sign-ups")),
            limiter(*LOGINS, slot="login"),
            address,
            settings.password_cost,
        )
        with written(traces, settings.traces_file):
            async with database, valkey_lifespan(client, cache=cache)(app):
                yield

    app = FastAPI(
        title="Users",
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would name the host that the client made up
    )
    add_exception_handlers(app)
    app.include_router(router)
    app.include_router(health_routes(operators=settings.operators, key=address))
    app.include_router(metrics_routes(registry, operators=settings.operators))
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimitMiddleware, most=LARGEST_BODY)
    app.add_middleware(
        SessionMiddleware,
        store=AsyncSessionStore(client, namespace=NAMESPACE),
        secure=settings.secure_cookies,
    )
    app.add_middleware(
        RateLimitMiddleware,
        limits=limiter(SlidingCounter(settings.requests_per_minute, per=60, name="address")),
        key=address,
        exempt=("/live", "/ready", "/metrics"),
    )
    app.add_middleware(DeadlineMiddleware, seconds=settings.deadline)
    app.add_middleware(Access, registry=registry)
    return app


@contextmanager
def written(traces: TracerProvider, file: Path | None) -> Iterator[None]:
    """Write the spans to a file, if there is to be one: in a batch, so that no request waits."""
    if file is None:
        yield
        return
    with file.open("a") as out:
        exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(None) + "\n")
        traces.add_span_processor(BatchSpanProcessor(exporter))
        yield
        traces.shutdown()
