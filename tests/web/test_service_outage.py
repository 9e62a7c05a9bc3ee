"""The users service while its server is away: bounded in time, and silent about what it knows."""

import asyncio
import hashlib
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.outage_drill import EXPECTED, Phase, drill, shown
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.support.service import Service, check_problem, running
from tests.support.waiting import until

from valkey_redis.embedded import EmbeddedServer
from valkey_redis.examples.service.database import SCHEMA

PROMISED = 1.0  # seconds: of a scrape, and of a look at the health
PATIENCE = 2.0  # seconds, of the service's client: for the limit before the health
MARGIN = 15.0  # seconds: generous, for a busy machine; without a bound it would be for ever
SECRETS = {
    "email": "planted.mail@example.com",
    "password": "planted password",
    "name": "Planted Name",
    "device": "planted-device",
    "query": "planted-query",
    "forwarded": "203.0.113.213",
}
ID = 7_712_345_678  # of the first user: digits that stand nowhere else


@pytest.fixture
def own(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Return a server that the test may pause and kill."""
    assert server.is_running  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


def test_scrapes_and_health_answer_while_the_server_is_paused(
    service: Service, server: EmbeddedServer, email: str
) -> None:
    """Many at once; and the process is alive, and serves what it can."""
    id_ = service.browser().sign_up(email)
    paths = ["/metrics", "/health/valkey", "/ready", "/live", f"/users/{id_}"] * 2
    with ThreadPoolExecutor(len(paths)) as threads:
        server.pause()
        try:
            began = time.monotonic()
            answers = list(threads.map(lambda path: service.browser().ask("GET", path), paths))
            lasted = time.monotonic() - began
        finally:
            server.resume()
    until(lambda: service.get("/ready").status_code == 200, "it is ready again")
    assert lasted < PROMISED + PATIENCE + MARGIN
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200, 200] * 2
    shards = {
        sample.labels["shard"]: sample.value
        for family in parse(answers[0].text)
        for sample in family.samples
        if family.name == "valkey_shard_up"
    }
    assert list(shards.values()) == [0.0]
    assert answers[1].json()["state"] == "down"


def test_nothing_planted_is_ever_told(own: EmbeddedServer, tmp_path: Path) -> None:
    """Not in a log, a metric, a span, an error or a look at the health: of all routes, in all states."""
    with sqlite3.connect(tmp_path / "users.sqlite3") as db:
        db.execute(SCHEMA)
        db.execute("INSERT INTO sqlite_sequence VALUES ('users', ?)", (ID - 1,))
    db.close()
    secrets = {**SECRETS, "id": str(ID)}
    with running(own.url, tmp_path) as service:
        told = use_it_all(service, own, secrets)
        metrics = service.metrics()
    sources = {
        "log": service.log,
        "metrics": metrics,
        "spans": (tmp_path / "spans").read_text(),
        "errors": "\n".join(told),
    }
    assert "planted" not in "".join(sources.values()).lower()
    for source, text in sources.items():
        assert text
        for kind, secret in secrets.items():
            assert secret not in text, f"the {kind} is in the {source}"
    assert "EVALSHA" in sources["spans"]
    assert "service.valkey" in sources["log"]
    assert "ServerTimeoutError" in sources["metrics"]


def use_it_all(service: Service, own: EmbeddedServer, secrets: dict[str, str]) -> list[str]:
    """Ask for everything, well and in outages; return the errors and the health, as they were told."""
    headers = {"user-agent": secrets["device"], "x-forwarded-for": secrets["forwarded"]}
    browser, other = service.browser(**headers), service.browser(**headers)
    account = {"email": secrets["email"], "password": secrets["password"]}

    def everything() -> None:
        for method, path, body in [
            ("POST", "/users", {**account, "name": secrets["name"]}),
            ("POST", "/login", account),
            ("POST", "/login", {**account, "password": f"{account['password']}, but wrong"}),
            ("POST", "/login", {**account, "email": [account["email"]]}),
            ("POST", "/login", f"{account}"),
            ("GET", f"/users/{secrets['id']}?token={secrets['query']}", None),
            ("GET", f"/users/{secrets['query']}", None),
            ("GET", f"/nowhere/{secrets['query']}", None),
            ("GET", "/me", None),
            ("PATCH", "/me", {"name": secrets["name"]}),
            ("PATCH", "/me", {"name": f"{secrets['name']}\n!"}),
            ("PUT", "/me/preferences", {"theme": secrets["name"]}),
            ("PUT", "/me/preferences", {"theme": "dark"}),
            ("GET", "/me/preferences", None),
            ("GET", "/devices", None),
            ("DELETE", f"/devices/{hashlib.sha256(browser.cookie.encode()).hexdigest()}x", None),
            ("GET", "/health/valkey", None),
            ("GET", "/ready", None),
            (secrets["query"], "/me", None),
        ]:
            browser.ask(method, path, body)
            if browser.cookie:
                secrets[f"cookie {len(secrets)}"] = browser.cookie
                secrets[f"handle {len(secrets)}"] = hashlib.sha256(
                    browser.cookie.encode()
                ).hexdigest()

    everything()
    everything()
    for _ in range(3):
        browser.ask("POST", "/login", account)
    own.pause()
    everything()
    own.resume()
    until(lambda: service.get("/ready").status_code == 200, "it is ready again")
    own.kill()
    everything()
    own.start()
    until(lambda: service.get("/ready").status_code == 200, "it is ready again")
    other.ask("POST", "/login", account)
    for method, path in [("POST", "/logout/everywhere"), ("POST", "/logout"), ("DELETE", "/me")]:
        other.ask(method, path)
        browser.ask(method, path)
    answers = [*browser.answers, *other.answers]
    assert {200, 201, 204, 401, 404, 405, 409, 422, 429, 503} <= {
        answer.status_code for answer in answers
    }
    failed = [answer for answer in answers if answer.status_code >= 400]
    for answer in failed:
        if not answer.request.url.path.startswith(("/health", "/ready")):
            check_problem(answer, answer.status_code)
    looks = [answer for answer in answers if answer.request.url.path.startswith("/health")]
    return [f"{answer.headers}\n{answer.text}" for answer in failed + looks]


def test_the_drill_sees_what_does_not_hold() -> None:
    """A bad answer, a read that is late or refused, too many loads, a late recovery; and silence."""
    reads = [0.01] * 99
    good = Phase("paused", bound=0.1, reads=[*reads, 0.01], statuses=Counter({200: 90, 503: 10}))
    assert good.broken() == []
    for change, expected in [
        ({"statuses": Counter({500: 1, 200: 9})}, "1 answers 500"),
        ({"statuses": Counter({404: 2, 200: 9})}, "2 answers 404"),
        ({"reads": [*reads, 0.2]}, "p99 0.20 s > 0.10 s"),
        ({"reads": [*reads, math.inf]}, "more than one of 100 cached reads was refused"),
        ({"reads": [*reads, math.inf], "bound": None}, "more than one of 100"),
        ({"reads": []}, "more than one of 100"),
        ({"loads": 41}, "41 loads of 20 profiles"),
        ({"recovery": 2.1}, "recovered after 2.1 s"),
    ]:
        [line] = replace(good, **change).broken()  # type: ignore[arg-type]  # each is a field
        assert line.startswith(f"paused: {expected}")


def test_the_drill_in_short(server: EmbeddedServer, tmp_path: Path) -> None:
    """Killed, paused, slowed, filled: no 500, few loads, and the breaker tells the story."""
    assert server.is_running  # decides on the platform, and fails first if it must
    phases = {phase.name: phase for phase in asyncio.run(drill(6, 0.4, tmp_path))}
    table = shown(list(phases.values()))
    assert list(phases) == ["healthy", "killed", "paused", "slowed", "filled", "healthy again"]
    for phase in phases.values():
        assert set(phase.statuses) <= EXPECTED, table
        assert phase.loads <= phase.most_loads, table
    assert sum(phase.statuses[200] for phase in phases.values()) > 50, table
    for name in ("killed", "paused"):
        changes = phases[name].changes
        for state in ("open", "half_open", "closed"):
            assert changes[state] >= 1, table
