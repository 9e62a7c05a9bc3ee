"""The users service, over HTTP: who comes to no good is refused, and nothing breaks."""

import json
import secrets
from pathlib import Path

import httpx
import pytest
from tests.support.service import NAME, PASSWORD, Browser, Service, check_problem

from valkey_redis.embedded import EmbeddedServer
from valkey_redis.examples.service.app import create_app
from valkey_redis.examples.service.settings import Settings


def test_a_forged_address_does_not_help_to_guess(service: Service, email: str) -> None:
    """The sixth guess is refused, whatever the headers say of where it comes from."""
    service.browser().sign_up(email)
    guesser = service.browser()
    statuses = []
    for number in range(6):
        forged = f"198.51.100.{number}"
        headers = {"x-forwarded-for": forged, "forwarded": f"for={forged}", "x-real-ip": forged}
        guess = {"email": email, "password": f"wrong guess {number}"}
        statuses.append(guesser.ask("POST", "/login", guess, **headers).status_code)
    assert statuses[-1] == 429
    assert set(statuses[:-1]) <= {401, 429}
    refused = guesser.ask("POST", "/login", {"email": email.upper(), "password": PASSWORD})
    assert "guesses" in check_problem(refused, 429)["violated-policies"]
    assert int(refused.headers["retry-after"]) > 0
    assert guesser.cookie == ""


async def test_sign_ups_are_limited_by_the_true_address(
    server: EmbeddedServer, tmp_path: Path, email: str
) -> None:
    """A password's hash is dear: the third is refused, and what stands before the proxy's entry is not read."""
    settings = Settings(
        database=tmp_path / "users.sqlite3",
        password_cost=4,
        sign_ups_per_hour=2,
        trusted_proxies=("10.0.0.0/8",),
    )
    app = create_app(settings, server.config)
    transport = httpx.ASGITransport(app, client=("10.0.0.1", 1))
    site = f"2001:db8:{email[:4]}:{email[4:8]}"
    entries = [*(f"[{site}::{number}]:80" for number in range(3)), f"2001:db8::{email[:4]}"]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client,
    ):
        answers = [
            await client.post(
                "/users",
                json={"email": f"{number}{email}", "password": PASSWORD, "name": "Ada"},
                headers={"x-forwarded-for": f"198.51.100.{number}, {entry}"},
            )
            for number, entry in enumerate(entries)
        ]
    assert [answer.status_code for answer in answers] == [201, 201, 429, 201]
    assert check_problem(answers[2], 429)["violated-policies"] == ["sign-ups"]


def test_an_unknown_account_and_a_wrong_password_look_alike(service: Service, email: str) -> None:
    """Who guesses does not learn who has an account."""
    service.browser().sign_up(email)
    known = service.browser().ask("POST", "/login", {"email": email, "password": "wrong guess"})
    other = {"email": f"x{email}", "password": "wrong guess"}
    unknown = service.browser().ask("POST", "/login", other)
    first, second = check_problem(known, 401), check_problem(unknown, 401)
    assert {**first, "instance": ""} == {**second, "instance": ""}


def test_cookies_that_are_none(service: Service, browser: Browser, email: str) -> None:
    """Malformed, too long, twice: nobody is known; the service stands."""
    browser.sign_up(email)
    good = browser.cookie
    for cookie in (
        f"{NAME}={good[:-1]}",
        f"{NAME}={good}; {NAME}={good}",
        f"{NAME}={'A' * 40_000}",
        f"{NAME}=../../etc/passwd",
        f"{NAME}={{app}}:session:*",
        "=" * 1000,
    ):
        answer = browser.ask("GET", "/me", cookie=cookie)
        check_problem(answer, 401)
        assert "set-cookie" not in answer.headers
    huge = service.raw(b"GET /me HTTP/1.1", b"Host: x", b"Cookie: " + b"a" * 200_000)
    assert huge[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 431"}
    odd = service.raw(
        b"GET /me HTTP/1.1", b"Host: x", NAME.encode() + b"=\xff", b"Cookie: \xfe=\xff"
    )
    assert odd[9:12] in {b"400", b"401"}
    assert browser.ask("GET", "/me", cookie=f"{NAME}={good}").status_code == 200


def test_a_planted_session_is_not_taken_over(service: Service, email: str) -> None:
    """Fixation: an id that the attacker made up, or got from the service, is dead after the login."""
    attacker, victim = service.browser(), service.browser()
    victim.sign_up(email)
    attacker.sign_up(f"x{email}")
    for planted in (secrets.token_urlsafe(60)[:59], attacker.cookie):
        victim.cookie = planted
        victim.ask("POST", "/login", {"email": email, "password": PASSWORD})
        assert victim.cookie not in {planted, ""}
        check_problem(attacker.ask("GET", "/me", cookie=f"{NAME}={planted}"), 401)
        assert victim.ask("GET", "/me").json()["email"] == email


def test_a_cookie_is_dead_after_a_logout(service: Service, browser: Browser, email: str) -> None:
    """Replay: who kept a copy is nobody; by logout, by logout everywhere, by deletion."""
    browser.sign_up(email)
    for method, path, status in [
        ("POST", "/logout", 204),
        ("POST", "/logout/everywhere", 200),
        ("DELETE", "/me", 204),
    ]:
        if not browser.cookie:
            browser.ask("POST", "/login", {"email": email, "password": PASSWORD})
        copy = browser.cookie
        assert browser.ask(method, path).status_code == status
        thief = service.browser()
        thief.cookie = copy
        for again, route in [("GET", "/me"), ("PATCH", "/me"), ("DELETE", "/me")]:
            body = {"name": "Eve"} if again == "PATCH" else None
            check_problem(thief.ask(again, route, body), 401)


def test_another_sites_page_is_refused(browser: Browser, email: str) -> None:
    """With the user's own cookie, which a browser sends along."""
    browser.sign_up(email)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        check_problem(browser.ask("DELETE", "/me", **headers), 403)
        check_problem(browser.ask("POST", "/logout", **headers), 403)
    assert browser.ask("GET", "/me").status_code == 200


def test_bodies_that_are_too_large(service: Service, browser: Browser) -> None:
    """Announced, or as they come: 413, and not read to the end."""
    lines = (b"POST /login HTTP/1.1", b"Host: x", b"Content-Type: application/json")
    assert service.raw(*lines, b"Content-Length: 1000000000")[9:12] == b"413"
    large = json.dumps({"email": "a" * 100_000, "password": PASSWORD})
    headers = {"content-type": "application/json"}
    announced = browser.client.post("/login", content=large, headers=headers)
    check_problem(announced, 413)

    def endless() -> object:
        for _ in range(200):
            yield b" " * 1000

    chunked = browser.client.post("/login", content=endless(), headers=headers)  # type: ignore[arg-type]  # an iterator of bytes
    check_problem(chunked, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{" * 5000,
        b"[" * 5000,
        b'{"email": 1}',
        b'{"email": {"$gt": ""}, "password": {"$gt": ""}}',
        b'{"email": "a@b", "password": "\\u0000\\ud800aaaaaaa"}',
        b'{"email": "a\\r\\nSet-Cookie: x=1@b", "password": "12345678"}',
        b"1e999999",
    ],
)
def test_bodies_that_are_malformed(browser: Browser, body: bytes) -> None:
    """422, or 400; never 500."""
    headers = {"content-type": "application/json"}
    answer = browser.client.post("/login", content=body, headers=headers)
    assert answer.status_code in {400, 401, 422, 429}, answer.text
    check_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "/users/0",
        "/users/-1",
        "/users/9007199254740993",
        "/users/99999999999999999999999",
        "/users/" + "9" * 5000,
        "/users/1/",  # no redirect: it would name the host that the client made up
        "/users/1%00",
        "/users/1%0d%0aX-Injected:%201",
        "/users/%ff",
        "/users/1e3",
        "/users/*",
        "/users/1%3A2",
        "/users/..%2f..%2fmetrics",
        "/users/%7Bapp%7D",
    ],
)
def test_keys_that_are_none(service: Service, path: str) -> None:
    """What becomes a part of a key is a number of bounded size; nothing comes back in a header."""
    answer = service.get(path)
    assert answer.status_code in {404, 422}, answer.text
    check_problem(answer, answer.status_code)
    assert "x-injected" not in answer.headers


def test_handles_that_are_none(browser: Browser, email: str) -> None:
    """A handle is 64 digits, or nobody's."""
    browser.sign_up(email)
    for handle in ("x", "*", "f" * 64, "%0d%0aX: 1", "f" * 5000):
        answer = browser.ask("DELETE", f"/devices/{handle}")
        check_problem(answer, 422 if len(handle) > 64 else 404)


def test_nothing_can_be_injected_into_a_header(service: Service, browser: Browser) -> None:
    """Line ends in what a client sends end in no answer's headers."""
    for line in (
        b"User-Agent: a\r\n\tX-Injected: 1",
        b"User-Agent: a\rX-Injected: 1",
        b"Origin: http://x\r\n X-Injected: 1",
        b"X-Forwarded-For: 1.2.3.4\r\n\tX-Injected: 1",
        b"Cookie: " + NAME.encode() + b"=a\r\n\tX-Injected: 1",
        b"Accept: text/plain\nX-Injected: 1",
    ):
        for path in (b"/me", b"/metrics", b"/users/1"):
            answer = service.raw(b"GET " + path + b" HTTP/1.1", b"Host: x", line)
            head = answer.partition(b"\r\n\r\n")[0].lower()
            assert b"x-injected" not in head
            assert head[9:12] != b"500"
    name = {"email": "i@example.com", "password": PASSWORD, "name": "Ada\r\nX-Injected: 1"}
    check_problem(browser.ask("POST", "/users", name), 422)


def test_a_device_may_call_itself_anything(service: Service, email: str) -> None:
    """It is cut, and is only text."""
    browser = service.browser()
    browser.sign_up(email)
    agent = "<script>alert(1)</script>" + "x" * 5000
    account = {"email": email, "password": PASSWORD}
    browser.ask("POST", "/login", account, **{"user-agent": agent})
    [device] = browser.ask("GET", "/devices").json()[:1]
    assert device["device"] == agent[:120]


@pytest.mark.parametrize(
    "request_line", [b"BREW /me HTTP/1.1", b"GET me HTTP/1.1", b"GET /me HTTP/9.9", b"\x16\x03\x01"]
)
def test_requests_that_are_none(service: Service, request_line: bytes) -> None:
    """Refused, and the service stands."""
    answer = service.raw(request_line, b"Host: x")
    assert answer[9:12] in {b"", b"400", b"401", b"404", b"405", b"505"}
    assert service.get("/live").status_code == 200


def test_it_broke_nowhere(service: Service) -> None:
    """After all that: no traceback, no 500."""
    assert "Traceback" not in service.log
    assert 'status="500"' not in service.metrics()
