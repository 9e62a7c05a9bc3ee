"""Routes for machines that look on: `/live`, `/ready`, `/health/valkey`, `/metrics`."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from valkey_redis.health import AsyncValkeyHealth
from valkey_redis.limits import Policy, SlidingCounter
from valkey_redis.ratelimit import AsyncRateLimiter
from valkey_redis.web_address import LOOPBACK, is_direct, networks
from valkey_redis.web_errors import Problem, ProblemError
from valkey_redis.web_limits import Key, RateLimit
from valkey_redis.web_openapi import problem_responses

OFTEN_ENOUGH = (SlidingCounter(30, per=60, name="health"),)  # for each address


def web_health(request: Request) -> AsyncValkeyHealth:
    """Return the health of the application's server."""
    health: AsyncValkeyHealth = request.app.state.valkey_health
    return health


HealthDep = Annotated[AsyncValkeyHealth, Depends(web_health)]


def health_routes(
    *,
    operators: Iterable[str] = LOOPBACK,
    limits: AsyncRateLimiter | Sequence[Policy] = OFTEN_ENOUGH,
    key: Key | None = None,
) -> APIRouter:
    """Return the routes `/live`, `/ready` and `/health/valkey`; each answers 200 or 503, in a second.

    `/live` says whether to restart this process, `/ready` whether its server can be had (who does
    well enough without a cache should not be taken out of service for that: ask `/live` then).
    `/health/valkey` asks the server many things, and is
    limited (`limits` and `key` as for `RateLimit`), while the server is away too. It shows them to
    the `operators` alone, networks from which the connection must come without a proxy between;
    to others it says only whether all is well.
    """
    said: dict[int | str, dict[str, Any]] = {503: {"description": "The same, of what is not well"}}
    router, allowed = APIRouter(tags=["health"], responses=said), networks(operators)

    @router.get("/live")
    async def live(health: HealthDep) -> Response:
        """Say whether this process is well."""
        return _short("live", is_well=await health.is_live())

    @router.get("/ready")
    async def ready(health: HealthDep) -> Response:
        """Say whether requests are served with the server's help."""
        return _short("ready", is_well=await health.is_ready())

    @router.get(
        "/health/valkey",
        dependencies=[Depends(RateLimit(limits, key=key))],
        responses=problem_responses(429),
    )
    async def detailed(request: Request, health: HealthDep) -> Response:
        """Show how the server is."""
        status = await health.get_health_status()
        if not is_direct(request.scope, allowed):
            return _short("healthy", is_well=status.is_ready)
        return _json(status.as_dict(), is_well=status.is_ready)

    return router


def metrics_routes(registry: Any = None, *, operators: Iterable[str] = LOOPBACK) -> APIRouter:
    """Return the route `/metrics`: what is in a Prometheus registry, by default in prometheus_client's.

    It is not public: to whom does not connect from the `operators`' networks, or comes through a
    proxy, there is no such page (404). It is not limited, and as quick as the registry's collectors.
    """
    import prometheus_client  # noqa: PLC0415 - an optional extra
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - as above

    router, allowed = APIRouter(tags=["health"]), networks(operators)
    shown = prometheus_client.REGISTRY if registry is None else registry

    @router.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:  # in a thread: a collector may wait
        """Show the metrics."""
        if not is_direct(request.scope, allowed):
            raise ProblemError(Problem(404, "Not Found"))
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # Not as media_type, to which a second charset would be added.
        return Response(encode(shown), headers={"Content-Type": media_type})

    return router


def _short(name: str, *, is_well: bool) -> Response:
    return _json({name: is_well}, is_well=is_well)


def _json(body: dict[str, Any], *, is_well: bool) -> Response:
    return JSONResponse(body, 200 if is_well else 503, {"Cache-Control": "no-store"})
