"""Errors become answers, which say nothing that is nobody's business."""

import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator, BaseModel

from valkey_redis import (
    AuthenticationError,
    CommandError,
    CorruptValueError,
    FixedWindow,
    InvalidArgumentError,
    OutOfMemoryError,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.decision import decide
from valkey_redis.errors import CircuitOpenError
from valkey_redis.web_errors import (
    ProblemError,
    add_exception_handlers,
    handle_valkey_exceptions,
    problem_of_refusal,
)

SECRET = "planted-secret"
ERRORS = [
    (ServerUnavailableError(SECRET), 503, "1"),
    (CircuitOpenError(SECRET, 0.0), 503, "1"),
    (CircuitOpenError(SECRET, 2.1), 503, "3"),
    (OutOfMemoryError(SECRET), 503, "1"),
    (ServerTimeoutError(SECRET), 504, None),
    (CommandError(SECRET), 500, None),
    (AuthenticationError(SECRET), 500, None),
    (CorruptValueError(SECRET), 500, None),
    (InvalidArgumentError(SECRET), 500, None),
    (ValkeyRedisError(SECRET), 500, None),
]


class Given(BaseModel):
    """A body."""

    password: int


def application() -> FastAPI:
    """Return routes that fail in every way."""
    app = FastAPI()

    @app.get("/errors/{number}")
    async def fails(number: int) -> None:
        raise ERRORS[number][0]

    @app.get("/handled/{number}")
    @handle_valkey_exceptions("read a user", endpoint="/handled")
    async def handled(number: int) -> None:
        raise ERRORS[number][0]

    @app.get("/in-a-thread/{number}")
    @handle_valkey_exceptions("read a user")
    def in_a_thread(number: int) -> None:
        raise ERRORS[number][0]

    @app.get("/block/{number}")
    async def block(number: int) -> None:
        with handle_valkey_exceptions("read a user", logger=logging.getLogger("theirs")):
            raise ERRORS[number][0]

    @app.get("/refused")
    async def refused() -> None:
        policies = [FixedWindow(5, per=60, name="a"), FixedWindow(9, per=60, name="b")]
        decision = decide(policies, [0, 1_500_000, 2_000_000, 4, 0, 2_000_000])
        raise ProblemError(problem_of_refusal(decision))

    @app.get("/structured")
    async def structured() -> None:
        raise HTTPException(418, {"of": "theirs"}, {"X-Own": "1"})

    @app.post("/body")
    async def body(given: Given) -> int:
        return given.password

    return app


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the routes, whose errors are answered."""
    app = application()
    add_exception_handlers(app)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop.example"
    ) as opened:
        yield opened


def check(response: httpx.Response, status: int) -> dict[str, Any]:
    """Check that the answer is a problem, and gives nothing away; return its body."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", body["instance"])
    assert SECRET not in response.text + str(response.headers)
    return body


@pytest.mark.parametrize("way", ["errors", "handled", "in-a-thread", "block"])
async def test_each_error_has_its_status(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """503 with Retry-After, 504, or 500; the log has the kind and the occurrence, not the text."""
    for number, (error, status, wait) in enumerate(ERRORS):
        caplog.clear()
        response = await client.get(f"/{way}/{number}")
        body = check(response, status)
        assert response.headers.get("retry-after") == wait
        [record] = caplog.records
        told = record.__dict__
        assert told["error"] == type(error).__name__
        assert (told["status"], told["instance"]) == (status, body["instance"])
        assert told["levelname"] == ("ERROR" if status == 500 else "WARNING")
        assert type(error).__name__ in record.getMessage()
        assert body["instance"] in record.getMessage()
        assert SECRET not in json.dumps(told, default=str)


@pytest.mark.parametrize(
    ("way", "op", "endpoint", "logger"),
    [
        ("errors", "GET", "/errors/{number}", "valkey_redis.web"),
        ("handled", "read a user", "/handled", "valkey_redis.web"),
        ("in-a-thread", "read a user", "application.<locals>.in_a_thread", "valkey_redis.web"),
        ("block", "read a user", "", "theirs"),
    ],
)
async def test_the_log_says_what_was_being_done(
    client: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    *,
    way: str,
    op: str,
    endpoint: str,
    logger: str,
) -> None:
    """And where: a route's template, as its path holds ids."""
    await client.get(f"/{way}/0")
    [record] = caplog.records
    told = record.__dict__
    assert (told["op"], told["endpoint"], record.name) == (op, endpoint, logger)


async def test_the_log_may_be_ones_own(caplog: pytest.LogCaptureFixture) -> None:
    """Of all that an application answers."""
    app = application()
    add_exception_handlers(app, logger=logging.getLogger("theirs"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        await client.get("/errors/0")
    assert [record.name for record in caplog.records] == ["theirs"]


async def test_without_handlers_the_status_is_right_all_the_same() -> None:
    """FastAPI answers an HTTPException by itself."""
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        response = await client.get("/handled/0")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert set(response.json()) == {"detail"}
    assert SECRET not in response.text


async def test_a_refusal_names_its_policies(client: httpx.AsyncClient) -> None:
    """429, the limits' headers, and which of them it was."""
    response = await client.get("/refused")
    body = check(response, 429)
    assert body["violated-policies"] == ["a"]
    assert body["type"].endswith("#quota-exceeded")
    assert response.headers["retry-after"] == "2"
    assert response.headers["ratelimit"] == '"a";r=0;t=2, "b";r=4;t=2'
    assert response.headers["ratelimit-policy"] == '"a";q=5;w=60, "b";q=9;w=60'


async def test_other_errors_are_problems_too(client: httpx.AsyncClient) -> None:
    """What FastAPI raises itself; what an application says with structure stays as it is."""
    assert check(await client.get("/nowhere"), 404)["title"] == "Not Found"
    wrong = await client.post("/refused")
    assert check(wrong, 405)["detail"] == "Method Not Allowed"
    assert wrong.headers["allow"] == "GET"
    theirs = await client.get("/structured")
    assert (theirs.status_code, theirs.json()) == (418, {"detail": {"of": "theirs"}})
    assert theirs.headers["x-own"] == "1"


@pytest.mark.parametrize(
    "content", [f'{{"password": "{SECRET}"}}', f'"{SECRET}"', f"{SECRET}", f'{{"{SECRET}'.encode()]
)
async def test_an_invalid_request_is_not_quoted(
    client: httpx.AsyncClient, content: str | bytes
) -> None:
    """It says where and why; FastAPI's own answer would send the password back."""
    headers = {"content-type": "application/json"}
    response = await client.post("/body", content=content, headers=headers)
    [error, *_] = check(response, 422)["errors"]
    assert error["loc"][0] == "body"
    assert error["msg"]


async def test_a_bug_is_a_problem_too() -> None:
    """Of which the client learns nothing; the server has it for its log."""
    app = FastAPI()
    add_exception_handlers(app)

    @app.get("/")
    async def buggy() -> None:
        raise KeyError(SECRET)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        check(await client.get("/"), 500)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        with pytest.raises(KeyError):
            await client.get("/")


async def test_an_answer_without_a_body_has_none() -> None:
    """304 and 204: a server would break off the connection at the first byte."""
    app = FastAPI()
    add_exception_handlers(app)

    @app.get("/{status}")
    async def unchanged(status: int) -> None:
        raise HTTPException(status, headers={"ETag": '"1"'})

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        for status in (204, 304):
            response = await client.get(f"/{status}")
            assert (response.status_code, response.content) == (status, b"")
            assert response.headers["etag"] == '"1"'
            assert "content-type" not in response.headers


async def test_a_thousand_errors_are_not_told() -> None:
    """An answer's size is bounded, whatever the request's was: how many, and each."""
    app = FastAPI()
    add_exception_handlers(app)

    def refuse(given: str) -> str:
        raise ValueError(given)

    @app.post("/")
    async def texts(given: dict[str, Annotated[str, AfterValidator(refuse)]]) -> int:
        return len(given)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        response = await client.post(
            "/", json={f"{i}{'x' * 1000}": "y" * 1000 for i in range(1000)}
        )
    errors = check(response, 422)["errors"]
    assert len(errors) == 20
    assert {(len(error["loc"][1]), len(error["msg"])) for error in errors} == {(60, 200)}
