"""The web edge, for FastAPI: what an application over a cache needs, by one import.

    from valkey_redis.fastapi import CacheDep, RateLimit, add_exception_handlers, valkey_lifespan

    app = FastAPI(lifespan=valkey_lifespan())
    add_exception_handlers(app)
    app.add_middleware(BodyLimitMiddleware, most=100_000)

    @app.get("/users/{id_}", dependencies=[Depends(RateLimit([SlidingCounter(100, per=60)]))])
    async def user(id_: int, cache: CacheDep) -> User:
        return await cache.get_or_set(f"user:{id_}", lambda: load(id_))

What of a path or a query becomes a part of a key needs a greatest length, too
(`Path(max_length=...)`). Run it with `uvicorn --no-proxy-headers`, so
that only `client_address` decides whom to believe. examples/service/ is a whole application.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valkey_redis.cache import AsyncCache
from valkey_redis.client import AsyncValkeyClient
from valkey_redis.config import ValkeyConfig
from valkey_redis.deadline import deadline, unbounded, within
from valkey_redis.errors import DeadlineExceededError
from valkey_redis.health import AsyncValkeyHealth
from valkey_redis.web_address import client_address, networks
from valkey_redis.web_errors import (
    Problem,
    ProblemError,
    add_exception_handlers,
    handle_valkey_exceptions,
)
from valkey_redis.web_health import health_routes, metrics_routes
from valkey_redis.web_limits import ByAddress, RateLimit, RateLimitMiddleware, admit
from valkey_redis.web_openapi import problem_responses
from valkey_redis.web_sessions import (
    LoggedIn,
    SessionMiddleware,
    WebSession,
    WebSessionDep,
    logged_in,
    web_session,
)

__all__ = [
    "BodyLimitMiddleware",
    "ByAddress",
    "CacheDep",
    "ClientDep",
    "DeadlineMiddleware",
    "LoggedIn",
    "Problem",
    "ProblemError",
    "RateLimit",
    "RateLimitMiddleware",
    "SessionMiddleware",
    "WebSession",
    "WebSessionDep",
    "add_exception_handlers",
    "admit",
    "client_address",
    "handle_valkey_exceptions",
    "health_routes",
    "logged_in",
    "metrics_routes",
    "networks",
    "problem_responses",
    "valkey_lifespan",
    "web_cache",
    "web_client",
    "web_session",
]

MOST_DIGITS = 18  # of a length; a longer one is no number
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def valkey_lifespan(
    client: AsyncValkeyClient | ValkeyConfig | str | None = None,
    *,
    cache: AsyncCache | None = None,
) -> Lifespan:
    """Return a lifespan that gives the application a client and a cache, and closes them at its end.

    `client` is one, or its settings, or nothing for the environment's. Nothing is asked at the
    start: an application must come up while its cache is away. They are in `app.state.valkey`,
    `app.state.valkey_cache`; `app.state.valkey_health` is what the health routes ask.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = client if isinstance(client, AsyncValkeyClient) else AsyncValkeyClient(client)
        async with opened:
            caching = cache or AsyncCache(opened)
            app.state.valkey, app.state.valkey_cache = opened, caching
            app.state.valkey_health = AsyncValkeyHealth(opened)
            try:
                yield
            finally:
                await caching.close()

    return lifespan


def web_client(connection: HTTPConnection) -> AsyncValkeyClient:
    """Return the application's client."""
    client: AsyncValkeyClient = connection.app.state.valkey
    return client


def web_cache(connection: HTTPConnection) -> AsyncCache:
    """Return the application's cache."""
    cache: AsyncCache = connection.app.state.valkey_cache
    return cache


ClientDep = Annotated[AsyncValkeyClient, Depends(web_client)]
CacheDep = Annotated[AsyncCache, Depends(web_cache)]


class DeadlineMiddleware:
    """Give each request so many seconds for all that it asks for: see `deadline`.

    Its body must be here by then, too, or it is refused with 408: who sends a byte a minute would
    hold a connection for ever.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a WebSocket may stay as long as it likes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_complete = False

        async def timely() -> Message:
            nonlocal is_complete
            if is_complete:  # what comes now is that the client has gone, and may take its time
                return await receive()
            try:
                message = await within(receive())
            except DeadlineExceededError:
                raise ProblemError(_last_of(408, "The request took too long to come.")) from None
            is_complete = not message.get("more_body", False)
            return message

        # A server may begin a pipelined request within the one before, and so within its deadline.
        with unbounded(), deadline(self._seconds):
            await self._app(scope, timely, send)


class BodyLimitMiddleware:
    """Refuse bodies of more than `most` bytes with 413: announced ones unread, others as they come.

    The connection is closed then: else the server would read on, to the body's end.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _last_of(413, f"A body may have {self._most} bytes.")
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > MOST_DIGITS or int(announced) > self._most:
            await problem.response()(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise ProblemError(problem)
            return message

        await self._app(scope, bounded, send)


def _last_of(status: int, detail: str) -> Problem:
    """Return a problem after which the connection is closed, as its request was not read."""
    return Problem(status, detail, headers={"Connection": "close"})
