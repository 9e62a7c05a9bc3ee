"""Sessions at the web edge, over a real server."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import StreamingResponse
from tests.support.outages import record

from valkey_redis import AsyncSessionStore, AsyncValkeyClient, ValkeyConfig
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.errors import InvalidArgumentError
from valkey_redis.fastapi import (
    LoggedIn,
    SessionMiddleware,
    WebSessionDep,
    add_exception_handlers,
)
from workshop.recorder import Recorder

NAME = "__Host-session"


router = APIRouter()


@router.get("/static")
async def static() -> str:
    """Answer without a session."""
    return "for all"


@router.get("/who")
async def who(session: WebSessionDep) -> Any:
    """Read it twice."""
    found = [await session.read() for _ in range(2)][1]
    return found and {"user": found.user, "data": found.data}


@router.get("/mine")
async def mine(session: LoggedIn) -> Any:
    """Need a user."""
    return session.user


@router.post("/basket")
async def basket(session: WebSessionDep) -> Any:
    """Begin one, and look into it."""
    await session.begin()
    await session.update({"basket": 1})
    found = await session.read()
    return found and found.data


@router.get("/front")
async def front(session: WebSessionDep, response: Response) -> str:
    """Greet who is known, and say oneself how to store that."""
    response.headers["Cache-Control"] = "private, max-age=5"
    found = await session.read()
    return f"hello {found.user}" if found else "hello"


@router.post("/login/{user}")
async def login(user: str, session: WebSessionDep, response: Response) -> None:
    """Log in."""
    response.headers["Cache-Control"] = "public, max-age=600"
    await session.login(user, {"device": "test"})


@router.post("/rotate")
async def rotate(session: WebSessionDep) -> bool:
    """Rotate."""
    return await session.rotate() is not None


@router.post("/logout")
async def logout(session: WebSessionDep) -> bool:
    """Log out."""
    return await session.logout()


@router.post("/everywhere")
async def everywhere(session: WebSessionDep) -> int:
    """Log out everywhere."""
    return await session.logout_everywhere()


@router.get("/devices")
async def devices(session: WebSessionDep) -> Any:
    """List the handles."""
    return [one.handle for one in await session.devices()]


@router.post("/revoke/{handle}")
async def revoke(handle: str, session: WebSessionDep) -> bool:
    """End one."""
    return await session.revoke(handle)


@router.post("/slow-logout")
async def slow_logout(session: WebSessionDep) -> Any:
    """Write after a logout."""
    await session.logout()
    return await session.update({"late": 1}), await session.read()


@router.get("/late")
async def late(session: WebSessionDep) -> StreamingResponse:
    """Try to change the cookie while the answer is under way."""

    async def parts() -> AsyncIterator[str]:
        yield "the answer has begun"
        for change in (session.login("ada"), session.begin(), session.rotate(), session.logout()):
            try:
                await change
            except RuntimeError:
                yield ": too late"

    return StreamingResponse(parts())


def application(store: AsyncSessionStore[Any], **settings: Any) -> FastAPI:
    """Return an application with a session."""
    app = FastAPI()
    app.include_router(router)
    add_exception_handlers(app)
    app.add_middleware(SessionMiddleware, store=store, **settings)
    return app


class Browser:
    """A browser with one cookie, whatever its name."""

    def __init__(self, app: FastAPI, name: str = NAME) -> None:
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="https://shop.example")
        self._name, self.cookie = name, ""

    async def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """Return the answer, and keep the cookie that it sets."""
        if self.cookie and "cookie" not in headers:
            headers["cookie"] = f"other=1; {self._name}={self.cookie}"
        self._client.cookies.clear()
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await self._client.request(method, path, headers=raw)
        for line in answer.headers.get_list("set-cookie"):
            assert line.startswith(f"{self._name}=")
            self.cookie = line.partition(";")[0].partition("=")[2]
        return answer


@pytest_asyncio.fixture
async def valkey(server: EmbeddedServer) -> AsyncIterator[AsyncValkeyClient]:
    """Return a client."""
    async with AsyncValkeyClient(server.config) as client:
        yield client


@pytest.fixture
def recorder(valkey: AsyncValkeyClient) -> Recorder:
    """Return what the client sends."""
    return record(valkey)


@pytest.fixture
def app(valkey: AsyncValkeyClient, recorder: Recorder) -> FastAPI:
    """Return an application whose sessions are its own."""
    assert recorder.sent == []
    return application(AsyncSessionStore(valkey, namespace=secrets.token_hex(4)))


async def test_the_cookie_is_the_strictest(app: FastAPI) -> None:
    """Only this host's, only by TLS, out of scripts' reach; and nobody may store the answer."""
    answer = await Browser(app).ask("POST", "/login/ada")
    [line] = answer.headers.get_list("set-cookie")
    cookie, *attributes = line.split("; ")
    assert cookie.partition("=")[0] == NAME
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_without_tls_the_cookie_has_a_plain_name(valkey: AsyncValkeyClient) -> None:
    """A browser takes a __Host- cookie by TLS only. An origin that may send requests is named."""
    store: AsyncSessionStore[Any] = AsyncSessionStore(valkey, namespace=secrets.token_hex(4))
    settings = {"secure": False, "cookie": "sid", "origins": ["http://app.example"]}
    browser = Browser(application(store, **settings), "sid")
    answer = await browser.ask("POST", "/login/ada", origin="http://app.example")
    assert "Secure" not in answer.headers["set-cookie"]
    assert (await browser.ask("GET", "/mine")).json() == "ada"


async def test_who_needs_no_session_pays_nothing(app: FastAPI, recorder: Recorder) -> None:
    """No round trip, no header, with a cookie or without."""
    browser = Browser(app)
    await browser.ask("POST", "/login/ada")
    recorder.sent.clear()
    for cookie in ("", browser.cookie):
        browser.cookie = cookie
        answer = await browser.ask("GET", "/static")
        assert not {"set-cookie", "vary", "cache-control"} & set(answer.headers)
    assert (await Browser(app).ask("GET", "/who")).json() is None
    assert recorder.sent == []


async def test_a_session_is_read_once(app: FastAPI, recorder: Recorder) -> None:
    """However often a request asks; and the answer says that it depends on the cookie."""
    browser = Browser(app)
    await browser.ask("POST", "/login/ada")
    recorder.sent.clear()
    answer = await browser.ask("GET", "/who")
    assert answer.json() == {"user": "ada", "data": {"device": "test"}}
    assert answer.headers["vary"] == "Cookie"
    assert "set-cookie" not in answer.headers
    assert len(recorder.sent) == 1


async def test_what_a_session_decides_is_in_no_cache_between(app: FastAPI) -> None:
    """Neither what nobody is shown, nor a refusal; a route may say otherwise."""
    browser = Browser(app)
    for cookie in ("", "nonsense", secrets.token_urlsafe(60)[:59]):
        browser.cookie = cookie
        for path in ("/who", "/mine"):
            answer = await browser.ask("GET", path)
            assert answer.headers.get_list("vary") == ["Cookie"]
            assert answer.headers.get_list("cache-control") == ["no-store"]
    await browser.ask("POST", "/login/ada")
    for given in ("", browser.cookie):
        browser.cookie = given
        answer = await browser.ask("GET", "/front")
        assert answer.headers.get_list("vary") == ["Cookie"]
        assert answer.headers.get_list("cache-control") == ["private, max-age=5"]


async def test_what_cannot_be_an_id_costs_no_round_trip(app: FastAPI, recorder: Recorder) -> None:
    """Malformed, too long, twice: nobody is known, nothing is asked, and the cookie is left."""
    browser = Browser(app)
    await browser.ask("POST", "/login/ada")
    good = browser.cookie
    recorder.sent.clear()
    for text in (
        f"{NAME}=",
        f"{NAME}={good[:-1]}",
        f"{NAME}={good}x",
        f'{NAME}="{good}"',
        f"{NAME}={good[:-1]}%41",
        f"{NAME}={'x' * 50_000}",
        f"{NAME}={good}; {NAME}={good}",
        f"{NAME}={good}; a=b; {NAME}=other",
        f"{NAME}\x00={good}",
        f"session={good}",
        f"{NAME}={good[:-1]}\xff",
        f"{NAME.lower()}={good}",
        ";;;=;;" * 1000,
    ):
        answer = await browser.ask("GET", "/mine", cookie=text)
        assert answer.status_code == 401, text[:80]
        assert "set-cookie" not in answer.headers
    assert recorder.sent == []
    assert (await browser.ask("GET", "/mine", cookie=f"{NAME}={good};a=b")).json() == "ada"


async def test_an_id_is_never_adopted(app: FastAPI) -> None:
    """Fixation: whoever plants an id, of the right shape even, does not know the session's."""
    planted = secrets.token_urlsafe(60)[:59]
    browser = Browser(app)
    browser.cookie = planted
    assert (await browser.ask("GET", "/who")).json() is None
    await browser.ask("POST", "/login/ada")
    assert browser.cookie != planted
    attacker = Browser(app)
    attacker.cookie = planted
    assert (await attacker.ask("GET", "/mine")).status_code == 401


async def test_another_stores_id_is_unknown(app: FastAPI, valkey: AsyncValkeyClient) -> None:
    """It looks like an id, and opens nothing here."""
    other: AsyncSessionStore[Any] = AsyncSessionStore(valkey, namespace=secrets.token_hex(4))
    browser = Browser(app)
    browser.cookie = (await other.create("ada")).id
    answer = await browser.ask("GET", "/mine")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_login_keeps_the_basket_under_a_new_id(app: FastAPI) -> None:
    """The id of before, which others may know, is dead."""
    browser = Browser(app)
    assert (await browser.ask("POST", "/basket")).json() == {"basket": 1}
    before = browser.cookie
    nobody = await browser.ask("GET", "/mine")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Cookie")
    await browser.ask("POST", "/login/ada")
    answer = await browser.ask("GET", "/who")
    assert answer.json() == {"user": "ada", "data": {"basket": 1, "device": "test"}}
    browser.cookie = before
    assert (await browser.ask("GET", "/who")).json() is None


async def test_login_over_anothers_session_takes_nothing_along(app: FastAPI) -> None:
    """Somebody else may sit there now; what was the former user's is gone."""
    browser = Browser(app)
    await browser.ask("POST", "/login/ada")
    await browser.ask("POST", "/basket")
    adas = browser.cookie
    await browser.ask("POST", "/login/bob")
    answer = await browser.ask("GET", "/who")
    assert answer.json() == {"user": "bob", "data": {"device": "test"}}
    browser.cookie = adas
    assert (await browser.ask("GET", "/who")).json() is None


async def test_after_a_rotation_the_old_id_is_dead(app: FastAPI) -> None:
    """And the new one is set; who has no session gets none by it."""
    browser = Browser(app)
    assert (await browser.ask("POST", "/rotate")).json() is False
    assert browser.cookie == ""
    await browser.ask("POST", "/login/ada")
    before = browser.cookie
    assert (await browser.ask("POST", "/rotate")).json() is True
    assert (await browser.ask("GET", "/mine")).json() == "ada"
    assert (await browser.ask("GET", "/mine", cookie=f"{NAME}={before}")).status_code == 401


async def test_a_logout_kills_the_cookie_everywhere(app: FastAPI) -> None:
    """Taken away here, and dead for whoever has a copy; a late write does not bring it back."""
    browser = Browser(app)
    for path in ("/logout", "/slow-logout"):
        await browser.ask("POST", "/login/ada")
        copy = browser.cookie
        answer = await browser.ask("POST", path)
        assert browser.cookie == ""
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert answer.headers["cache-control"] == "no-store"
        assert (await browser.ask("GET", "/mine", cookie=f"{NAME}={copy}")).status_code == 401
    assert answer.json() == [False, None]
    again = await browser.ask("POST", "/logout")
    assert (again.json(), "set-cookie" in again.headers) == (False, False)


async def test_a_user_sees_the_devices_and_ends_them(app: FastAPI) -> None:
    """One, or all; another user's not."""
    phone, laptop, other = Browser(app), Browser(app), Browser(app)
    await phone.ask("POST", "/login/ada")
    await laptop.ask("POST", "/login/ada")
    await other.ask("POST", "/login/bob")
    handles = (await laptop.ask("GET", "/devices")).json()
    assert len(handles) == 2
    assert (await other.ask("POST", f"/revoke/{handles[1]}")).json() is False
    assert (await laptop.ask("POST", f"/revoke/{handles[1]}")).json() is True
    assert (await phone.ask("GET", "/mine")).status_code == 401
    await phone.ask("POST", "/login/ada")
    assert (await laptop.ask("POST", "/everywhere")).json() == 2
    assert laptop.cookie == ""
    assert (await phone.ask("GET", "/mine")).status_code == 401
    assert (await other.ask("GET", "/mine")).json() == "bob"


async def test_another_origins_page_changes_nothing(app: FastAPI, recorder: Recorder) -> None:
    """Refused before anything is asked; reading goes on, as no page can see the answer."""
    browser = Browser(app)
    await browser.ask("POST", "/login/ada")
    recorder.sent.clear()
    for headers in (
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "https://blog.shop.example"},
    ):
        answer = await browser.ask("POST", "/logout", **headers)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await browser.ask("GET", "/static", **headers)).status_code == 200
    assert recorder.sent == []
    answer = await browser.ask("POST", "/logout", origin="https://shop.example")
    assert answer.json() is True


async def test_after_the_answer_began_no_cookie_can_be_set(
    app: FastAPI, recorder: Recorder
) -> None:
    """A session whose id nobody learns is not made: it says so."""
    answer = await Browser(app).ask("GET", "/late")
    assert answer.text == "the answer has begun" + ": too late" * 4
    assert recorder.sent == []


async def test_while_the_server_is_away_nobody_is_known() -> None:
    """503 for who needs the session, and the cookie stays; all others are served."""
    config = ValkeyConfig(url="valkey://127.0.0.1:1", retry_attempts=0)
    async with AsyncValkeyClient(config) as away:
        browser = Browser(application(AsyncSessionStore(away)))
        browser.cookie = secrets.token_urlsafe(60)[:59]
        for method, path in [
            ("GET", "/who"),
            ("GET", "/mine"),
            ("POST", "/login/ada"),
            ("POST", "/logout"),
        ]:
            answer = await browser.ask(method, path)
            assert (answer.status_code, path) == (503, path)
            assert "set-cookie" not in answer.headers
            assert int(answer.headers["retry-after"]) >= 1
        assert (await browser.ask("GET", "/static")).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [{"cookie": "a;b"}, {"cookie": "a\r\nb"}, {"cookie": ""}, {"origins": "https://app.example"}],
)
async def test_wrong_settings_get_one_line(
    valkey: AsyncValkeyClient, settings: dict[str, Any]
) -> None:
    """What was given, and what is taken."""
    with pytest.raises(InvalidArgumentError, match=r"^(cookie|origins)=.*: takes "):
        SessionMiddleware(FastAPI(), AsyncSessionStore(valkey), **settings)


async def test_a_websocket_has_a_session_too(valkey: AsyncValkeyClient) -> None:
    """Read by its handshake's cookie, and refused to another origin's page."""
    store: AsyncSessionStore[Any] = AsyncSessionStore(valkey, namespace=secrets.token_hex(4))
    id_ = (await store.create("ada")).id
    seen = []

    async def served(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            seen.append(await scope["state"]["session"].read())
        await send({"type": "websocket.accept"})

    middleware = SessionMiddleware(served, store)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    headers = [(b"host", b"shop.example"), (b"cookie", f"{NAME}={id_}".encode())]
    await middleware({"type": "websocket", "headers": headers}, receive, send)
    headers.append((b"origin", b"https://evil.example"))
    await middleware({"type": "websocket", "headers": headers}, receive, send)
    await middleware({"type": "lifespan"}, receive, send)
    assert [session.user for session in seen] == ["ada"]
    assert [message["type"] for message in sent] == [
        "websocket.accept",
        "websocket.close",
        "websocket.accept",
    ]
