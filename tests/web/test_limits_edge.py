"""Rate limits at the web edge, over a real server: dependency and middleware."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI, Request
from tests.support.waiting import auntil

from valkey_redis import (
    AsyncCache,
    AsyncRateLimiter,
    AsyncValkeyClient,
    Decision,
    FixedWindow,
    SlidingCounter,
    ValkeyConfig,
)
from valkey_redis.deadline import deadline, remaining
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.fastapi import (
    BodyLimitMiddleware,
    ByAddress,
    CacheDep,
    ClientDep,
    DeadlineMiddleware,
    RateLimit,
    RateLimitMiddleware,
    add_exception_handlers,
    health_routes,
    valkey_lifespan,
)
from valkey_redis.web_limits import bounded

Message = dict[str, Any]


@pytest.fixture
def name() -> str:
    """Return a name that no other test has."""
    return secrets.token_hex(4)


@pytest_asyncio.fixture
async def valkey(server: EmbeddedServer) -> AsyncIterator[AsyncValkeyClient]:
    """Return a client."""
    async with AsyncValkeyClient(server.config) as client:
        yield client


def browser(app: Any, address: str = "203.0.113.9") -> httpx.AsyncClient:
    """Return a client of the application, that connects from the address."""
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


async def test_policies_are_enough(server: EmbeddedServer, name: str) -> None:
    """Over the lifespan's client: the headers on each answer, 429 after the last, by address."""
    limit = RateLimit([FixedWindow(2, per=3600, name=name)])
    app = FastAPI(lifespan=valkey_lifespan(server.config))
    add_exception_handlers(app)

    @app.get("/", dependencies=[Depends(limit)])
    async def root() -> str:
        return "well"

    async with app.router.lifespan_context(app), browser(app) as client:
        answers = [await client.get("/") for _ in range(3)]
        async with browser(app, "203.0.113.10") as other:
            assert (await other.get("/")).status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {f'"{name}";q=2;w=3600'}
    left = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
    assert left == ["r=1", "r=0", "r=0"]
    assert int(answers[2].headers["retry-after"]) > 0
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert answers[2].json()["violated-policies"] == [name]


async def test_a_key_may_be_anything_of_the_request(valkey: AsyncValkeyClient, name: str) -> None:
    """Also one that must be waited for; the decision is the route's to see."""

    async def by_token(request: Any) -> str:
        await asyncio.sleep(0)
        return str(request.headers["token"])

    limiter = AsyncRateLimiter(valkey, FixedWindow(10, per=60, name=name))
    limit, seen = RateLimit(limiter, key=by_token, cost=4), []
    app = FastAPI()
    add_exception_handlers(app)

    @app.get("/")
    async def root(decision: Annotated[Decision, Depends(limit)]) -> None:
        seen.append(decision.remaining)

    async with browser(app) as client:
        for token, status in [("a", 200), ("a", 200), ("a", 429), ("b", 200), ("x" * 999, 200)]:
            assert (await client.get("/", headers={"token": token})).status_code == status
    assert seen == [6, 2, 6, 6]
    assert not [key async for key in valkey.raw.scan_iter(f"*{'x' * 201}*")]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("short", "short"),
        (7, 7),
        ({"a": "short", "b": 7}, {"a": "short", "b": 7}),
        ("x" * 200, "x" * 200),
        ("x" * 10**6, 64),
        ("\ud800" * 300, 64),
        ({"a": "x" * 201}, {"a": 64}),
    ],
)
def test_a_subject_cannot_fill_the_server(subject: Any, expected: Any) -> None:
    """Of a long one, its hash is limited."""
    found = bounded(subject)
    if isinstance(expected, dict):
        assert {name: found[name] for name in found} == {
            name: found[name] if value == 64 else value for name, value in expected.items()
        }
        return
    assert (len(found) if expected == 64 else found) == expected


async def call(app: Any, scope: Message, receive: Callable[[], Any] | None = None) -> list[Message]:
    """Call an application as a server does; return what it sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "websocket.connect"}

    scope = {"path": "/", "headers": [], "client": ("203.0.113.9", 1), "method": "GET", **scope}
    await app(scope, receive or nothing, send)
    return sent


async def test_the_middleware_limits_all_but_the_exempt(
    valkey: AsyncValkeyClient, name: str
) -> None:
    """An admitted answer has the headers; a refused request does not reach the application."""
    limiter = AsyncRateLimiter(valkey, FixedWindow(1, per=3600, name=name))
    app, served = FastAPI(), []

    @app.get("/{path}")
    async def root(path: str) -> None:
        served.append(path)

    app.add_middleware(RateLimitMiddleware, limits=limiter, exempt=["/live"])
    async with browser(app) as client:
        first, second, exempt, longer = [
            await client.get(path) for path in ("/a", "/b", "/live", "/live2")
        ]
    assert served == ["a", "live"]
    assert [it.status_code for it in (first, second, exempt, longer)] == [200, 429, 200, 429]
    assert first.headers["ratelimit"].startswith(f'"{name}";r=0;')
    assert "ratelimit" not in exempt.headers
    assert second.headers["content-type"] == "application/problem+json"


async def test_the_middleware_lets_streams_pass(valkey: AsyncValkeyClient, name: str) -> None:
    """Each part goes out as it comes: nothing waits for the answer's end."""
    came, went = asyncio.Event(), asyncio.Event()

    async def app(_scope: Message, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        came.set()
        await went.wait()
        await send({"type": "http.response.body", "body": b"2"})

    limited = RateLimitMiddleware(app, AsyncRateLimiter(valkey, FixedWindow(9, per=60, name=name)))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": [], "client": ("203.0.113.9", 1)}
    task = asyncio.create_task(limited(scope, call, send))
    await came.wait()
    assert [message.get("body") for message in sent] == [None, b"1"]
    went.set()
    await task
    assert sent[2]["body"] == b"2"


async def test_a_websocket_is_refused_before_it_is_accepted(
    valkey: AsyncValkeyClient, name: str
) -> None:
    """With a code that says to come back; an accepted one has the headers."""

    async def app(_scope: Message, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    limited = RateLimitMiddleware(
        app, AsyncRateLimiter(valkey, FixedWindow(1, per=3600, name=name))
    )
    [accepted] = await call(limited, {"type": "websocket"})
    assert accepted["type"] == "websocket.accept"
    assert b"ratelimit" in dict(accepted["headers"])
    received = []

    async def connects() -> Message:
        received.append("handshake")  # which the server waits for us to take
        return {"type": "websocket.connect"}

    refused = [{"type": "websocket.close", "code": 1013}]
    assert await call(limited, {"type": "websocket"}, connects) == refused
    assert received == ["handshake"]
    assert await call(limited, {"type": "lifespan"}) == [{"type": "websocket.accept"}]


async def test_trusted_proxies_tell_whose_request_it_is(
    valkey: AsyncValkeyClient, name: str
) -> None:
    """And others do not: whoever forges the header stays who they are."""
    limiter = AsyncRateLimiter(valkey, FixedWindow(1, per=3600, name=name))
    app = FastAPI()
    app.add_middleware(RateLimitMiddleware, limits=limiter, key=ByAddress(["10.0.0.0/8"]))

    async def status(peer: str, forwarded: str) -> int:
        async with browser(app, peer) as client:
            headers = {"x-forwarded-for": forwarded}
            return (await client.get("/", headers=headers)).status_code

    assert [await status("203.0.113.9", f"198.51.100.{i}") for i in range(3)] == [404, 429, 429]
    assert [await status("10.0.0.1", f"198.51.100.{i}") for i in (7, 8, 7)] == [404, 404, 429]


@pytest.mark.parametrize(
    ("way", "statuses"),
    [("open", [404, 404, 404]), ("closed", [429, 429, 429]), ("local", [404, 429, 429])],
)
async def test_on_outage_decides(way: Any, statuses: list[int]) -> None:
    """Nobody serves at port 1."""
    config = ValkeyConfig(url="valkey://127.0.0.1:1", retry_attempts=0)
    async with AsyncValkeyClient(config) as away:
        app = FastAPI()
        limiter = AsyncRateLimiter(away, SlidingCounter(1, per=60), on_outage=way)
        app.add_middleware(RateLimitMiddleware, limits=limiter)
        async with browser(app) as client:
            assert [(await client.get("/")).status_code for _ in range(3)] == statuses


async def test_an_application_comes_up_while_its_server_is_away() -> None:
    """It asks nothing at its start; its cache loads, its client raises, and it closes well."""
    config = ValkeyConfig(url="valkey://127.0.0.1:1", retry_attempts=0)
    app = FastAPI(lifespan=valkey_lifespan(config))
    add_exception_handlers(app)

    @app.get("/cached")
    async def cached(cache: CacheDep) -> Any:
        async def load() -> str:
            return "loaded"

        return await cache.get_or_set("key", load)

    @app.get("/plain")
    async def plain(client: ClientDep) -> Any:
        return await client.get("key")

    async with app.router.lifespan_context(app), browser(app) as client:
        assert (await client.get("/cached")).json() == "loaded"
        assert (await client.get("/plain")).status_code == 503


async def test_the_lifespan_closes_what_it_opened(server: EmbeddedServer) -> None:
    """A client and a cache of one's own, too; and it may begin again."""
    client = AsyncValkeyClient(server.config)
    cache = AsyncCache(client)
    app = FastAPI(lifespan=valkey_lifespan(client, cache=cache))
    for _ in range(2):
        async with app.router.lifespan_context(app):
            assert app.state.valkey is client
            assert app.state.valkey_cache is cache
            task = asyncio.create_task(asyncio.Event().wait())
            task.add_done_callback(cache._tasks.discard)
            cache._tasks.add(task)
            await app.state.valkey_cache.set("lifespan", 1)
            assert await app.state.valkey_cache.get("lifespan") == 1
        assert task.cancelled()
        pool = client.raw.connection_pool
        assert not any(one.is_connected for one in pool._available_connections)


async def test_a_request_has_a_deadline() -> None:
    """All that it asks for shares it; a request without one has none left over."""
    app, left = FastAPI(), []

    @app.get("/")
    async def root() -> None:
        left.append(remaining())

    app.add_middleware(DeadlineMiddleware, seconds=30)
    async with browser(app) as client:
        await client.get("/")
    assert left[0] is not None
    assert 0 < left[0] <= 30
    assert remaining() is None


async def test_a_pipelined_request_has_a_deadline_of_its_own() -> None:
    """A server may begin it within the one before, whose time is nearly over."""
    left = []

    async def served(_scope: Message, _receive: Any, _send: Any) -> None:
        left.append(remaining())

    with deadline(1):
        await call(DeadlineMiddleware(served, seconds=30), {"type": "http"})
    assert left[0] is not None
    assert left[0] > 1


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """408, and the connection is closed: its rest is not read."""
    app, came = FastAPI(), iter([{"type": "http.request", "body": b"{", "more_body": True}])

    @app.post("/")
    async def root(given: dict[str, str]) -> int:
        return len(given)

    async def slowly() -> Message:
        message = next(came, None)
        return message or await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # never

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b""}
    async with asyncio.timeout(20):
        [start, _] = await call(DeadlineMiddleware(app, seconds=0.05), scope, slowly)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]


async def test_who_waits_for_the_client_to_go_may_wait() -> None:
    """Once the body is here, though the time is over: a stream may take longer."""
    came = iter(["http.request", "http.disconnect"])

    async def slowly() -> Message:
        kind = next(came)
        if kind == "http.disconnect":
            await asyncio.sleep(0)
        return {"type": kind}

    async def served(_scope: Message, receive: Any, _send: Any) -> None:
        assert [(await receive())["type"] for _ in range(2)] == ["http.request", "http.disconnect"]

    await call(DeadlineMiddleware(served, seconds=0), {"type": "http"}, slowly)


async def test_a_body_has_no_byte_more_than_the_limit() -> None:
    """Announced, or as it comes; the connection is closed, as the rest is not read."""
    app = FastAPI()
    add_exception_handlers(app)

    @app.post("/")
    async def root(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimitMiddleware, most=10)

    async def parts(length: int) -> AsyncIterator[bytes]:
        for _ in range(length):
            yield b"x"

    async with browser(app) as client:
        for content in (b"x" * 10, parts(10)):
            assert (await client.post("/", content=content)).json() == 10
        refused = [await client.post("/", content=content) for content in (b"x" * 11, parts(11))]
        refused += [
            await client.post("/", headers={"content-length": announced})
            for announced in ("-1", "1e1", "+5", "", "0" * 18 + "1")
        ]
    for answer in refused:
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"


async def test_a_policy_limits_again_when_the_server_is_back() -> None:
    """What was limited in this process is the server's again, without a restart."""
    with EmbeddedServer() as own:
        config = ValkeyConfig(url=own.url, timeout=0.1, retry_attempts=0)
        app = FastAPI(lifespan=valkey_lifespan(config))
        app.add_middleware(RateLimitMiddleware, limits=[FixedWindow(10**6, per=3600)])

        async def is_limited_by_the_server() -> bool:
            return "ratelimit" in (await client.get("/")).headers

        async with app.router.lifespan_context(app), browser(app) as client:
            assert await is_limited_by_the_server()
            own.pause()
            assert not await is_limited_by_the_server()
            own.resume()
            await auntil(is_limited_by_the_server, "the server limits again")


@pytest.mark.parametrize("is_away", [False, True])
async def test_health_is_limited_itself(server: EmbeddedServer, *, is_away: bool) -> None:
    """It asks the server many things: 30 times a minute for each address, also without a server."""
    url = "valkey://127.0.0.1:1" if is_away else server.url
    app = FastAPI(lifespan=valkey_lifespan(ValkeyConfig(url=url, retry_attempts=0)))
    add_exception_handlers(app)
    app.include_router(health_routes(key=ByAddress(["10.0.0.0/8"])))
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    async with app.router.lifespan_context(app), browser(app, "10.0.0.1") as client:
        client.headers["x-forwarded-for"] = address
        answers = [await client.get("/health/valkey") for _ in range(31)]
        assert [answer.status_code for answer in answers] == [503 if is_away else 200] * 30 + [429]
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert answers[0].json() == {"healthy": not is_away}
        assert answers[0].headers["cache-control"] == "no-store"
        another = {"x-forwarded-for": address.replace("db8", "db9")}
        other = await client.get("/health/valkey", headers=another)
        assert other.status_code != 429
        assert (await client.get("/live")).status_code == 200
