"""Rate limits at the web edge: `RateLimit` for routes, `RateLimitMiddleware` for all of them."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import Request, Response
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valkey_redis.client import AsyncValkeyClient
from valkey_redis.decision import Decision
from valkey_redis.limit_plan import Subject
from valkey_redis.limits import Policy
from valkey_redis.ratelimit import AsyncRateLimiter
from valkey_redis.web_address import client_address, networks, subject_of
from valkey_redis.web_errors import ProblemError, problem_of_refusal

Key = Callable[[HTTPConnection], Subject | Awaitable[Subject]]
LONGEST_SUBJECT = 200  # characters; of a longer one, its hash is limited
TRY_AGAIN_LATER = 1013  # a WebSocket's close code (IANA's registry)


class ByAddress:
    """Limit by the client's address: see `client_address`; of IPv6, by site."""

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = networks(trusted_proxies)

    def __call__(self, connection: HTTPConnection) -> str:
        """Return whom to limit."""
        return subject_of(client_address(connection.scope, self._trusted))


class Limits:
    """A limiter, or policies for one over the application's client, made when it is first needed."""

    def __init__(self, given: AsyncRateLimiter | Sequence[Policy], key: Key | None) -> None:
        self._given, self._key = given, key or ByAddress()
        self._made: WeakKeyDictionary[AsyncValkeyClient, AsyncRateLimiter] = WeakKeyDictionary()

    async def decide(self, connection: HTTPConnection, cost: int = 1) -> Decision:
        """Return what the limiter decides about a request."""
        subject: Any = self._key(connection)
        if isinstance(subject, Awaitable):
            subject = await subject
        return await self._limiter(connection).hit(bounded(subject), cost)

    def _limiter(self, connection: HTTPConnection) -> AsyncRateLimiter:
        if isinstance(self._given, AsyncRateLimiter):
            return self._given
        client: AsyncValkeyClient = connection.app.state.valkey
        limiter = self._made.get(client)
        if limiter is None:
            limiter = self._made[client] = AsyncRateLimiter(client, *self._given, on_outage="local")
        return limiter


class RateLimit:
    """A dependency that refuses with 429: `Depends(RateLimit([SlidingCounter(10, per=60)]))`.

    It takes a limiter, whose `on_outage` decides while the server is away; or policies, which are
    limited in this process then, and want `valkey_lifespan`. `key` says whom to limit, given the
    request: by default its address, without any proxy. The headers are on admitted answers too,
    but for a route that returns a Response of its own.
    """

    def __init__(
        self,
        limits: AsyncRateLimiter | Sequence[Policy],
        *,
        key: Key | None = None,
        cost: int = 1,
    ) -> None:
        self._limits, self._cost = Limits(limits, key), cost

    async def __call__(self, request: Request, response: Response) -> Decision:
        """Return the decision, if it admits."""
        return admit(await self._limits.decide(request, self._cost), response)


def admit(decision: Decision, response: Response) -> Decision:
    """Put the decision's headers on the answer and return it; raise ProblemError (429) if it refuses."""
    if not decision:
        raise ProblemError(problem_of_refusal(decision))
    for name, value in decision.headers().items():
        response.headers.append(name, value)
    return decision


class RateLimitMiddleware:
    """Limit every request but those of the `exempt` paths; streams pass as they come.

    `limits` and `key` as for `RateLimit`. A refused one is answered with 429 before the application sees it, a WebSocket is closed before
    it is accepted. A path under `exempt` is compared as it stands, not as a beginning.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: AsyncRateLimiter | Sequence[Policy],
        *,
        key: Key | None = None,
        exempt: Collection[str] = (),
    ) -> None:
        self._app, self._limits = app, Limits(limits, key)
        self._exempt = frozenset(exempt)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        decision = await self._limits.decide(HTTPConnection(scope))
        if decision:
            await self._app(scope, receive, _with_headers(send, decision))
        elif scope["type"] == "http":
            await problem_of_refusal(decision).response()(scope, receive, send)
        else:
            await receive()  # the handshake
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})


def bounded(subject: Subject) -> Subject:
    """Return the subject, or its hash if a client could fill the server's memory with it."""
    if isinstance(subject, str):
        if len(subject) <= LONGEST_SUBJECT:
            return subject
        return hashlib.sha256(subject.encode(errors="surrogatepass")).hexdigest()
    if isinstance(subject, int):
        return subject
    return {name: bounded(one) for name, one in subject.items()}  # type: ignore[misc]  # texts stay texts


def _with_headers(send: Send, decision: Decision) -> Send:
    added = [(name.lower().encode(), value.encode()) for name, value in decision.headers().items()]

    async def send_with_headers(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.accept"}:
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return send_with_headers
