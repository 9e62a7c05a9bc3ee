"""The users service, over HTTP: what it is there for."""

import signal
import socket
from pathlib import Path

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.support.service import PASSWORD, Browser, Service, check_problem, running

from valkey_redis import ValkeyClient, ValkeyConfig
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.examples.service.models import SignUp


def test_a_users_life(server: EmbeddedServer, browser: Browser, email: str) -> None:
    """Sign up, log in, be seen, be renamed, leave; nothing of it remains."""
    id_ = browser.sign_up(email, "Ada")
    account = {"id": id_, "name": "Ada", "email": email}
    assert browser.ask("GET", "/me").json() == account
    assert browser.ask("GET", f"/users/{id_}").json() == {"id": id_, "name": "Ada"}
    renamed = browser.ask("PATCH", "/me", {"name": "Ada Lovelace"})
    assert renamed.json() == {**account, "name": "Ada Lovelace"}
    assert browser.ask("GET", f"/users/{id_}").json()["name"] == "Ada Lovelace"
    assert browser.ask("GET", "/me/preferences").json() == {"theme": "light", "page_size": 20}
    preferences = {"theme": "dark", "page_size": 5}
    assert browser.ask("PUT", "/me/preferences", preferences).status_code == 200
    assert browser.ask("GET", "/me/preferences").json() == preferences
    with ValkeyClient(server.config) as client:
        remembered = f"service.preferences:{id_}"
        assert client.exists(remembered)
        assert browser.ask("DELETE", "/me").status_code == 204
        assert not client.exists(remembered)
    assert browser.cookie == ""
    check_problem(browser.ask("GET", f"/users/{id_}"), 404)
    check_problem(browser.ask("POST", "/login", {"email": email, "password": PASSWORD}), 401)


def test_a_profile_is_read_from_the_cache(service: Service, browser: Browser, email: str) -> None:
    """One query, however many read; a new name is one more. Nobody is cached too."""
    id_ = browser.sign_up(email, "Ada")
    before = service.queries("profile")
    for name in ("Ada", "Ada", "Grace", "Grace"):
        if name == "Grace":
            browser.ask("PATCH", "/me", {"name": name})
        assert [browser.ask("GET", f"/users/{id_}").json()["name"] for _ in range(3)] == [name] * 3
    assert service.queries("profile") <= before + 3
    nobody = service.queries("profile")
    for _ in range(3):
        check_problem(browser.ask("GET", "/users/9007199254740000"), 404)
    assert service.queries("profile") == nobody + 1


def test_devices_are_listed_and_logged_out(service: Service, email: str) -> None:
    """Two devices, of which each sees both; one logs the other out, then all."""
    phone, laptop = service.browser(**{"user-agent": "phone"}), service.browser()
    phone.sign_up(email)
    account = {"email": email, "password": PASSWORD}
    laptop.ask("POST", "/login", account, **{"user-agent": "laptop"})
    seen = laptop.ask("GET", "/devices").json()
    assert [(one["device"], one["is_this"]) for one in seen] == [("laptop", True), ("phone", False)]
    assert laptop.ask("DELETE", f"/devices/{seen[1]['handle']}").status_code == 204
    check_problem(laptop.ask("DELETE", f"/devices/{seen[1]['handle']}"), 404)
    check_problem(phone.ask("GET", "/me"), 401)
    phone.ask("POST", "/login", account)
    assert laptop.ask("POST", "/logout/everywhere").json() == {"ended": 2}
    check_problem(phone.ask("GET", "/me"), 401)
    check_problem(laptop.ask("GET", "/me"), 401)


def test_errors_are_problems(browser: Browser, email: str) -> None:
    """Of every kind; none quotes what was sent."""
    browser.sign_up(email)
    again = {"email": email, "password": PASSWORD, "name": "Ada"}
    assert "address" in check_problem(browser.ask("POST", "/users", again), 409)["detail"]
    check_problem(browser.ask("GET", "/nowhere"), 404)
    check_problem(browser.ask("PUT", "/login"), 405)
    wrong = {"email": "no address", "password": "pssst", "name": "Ada\r\nX: 1"}
    problem = check_problem(browser.ask("POST", "/users", wrong), 422)
    assert {tuple(error["loc"]) for error in problem["errors"]} == {
        ("body", "email"),
        ("body", "password"),
        ("body", "name"),
    }
    assert "pssst" not in browser.answers[-1].text


def test_metrics_are_read_by_prometheus(service: Service, browser: Browser, email: str) -> None:
    """In both formats, by Prometheus' own parsers; requests are counted by their routes."""
    id_ = browser.sign_up(email)
    browser.ask("GET", f"/users/{id_}")
    names = {family.name for family in parse(service.metrics())}
    assert {
        "valkey_cache_events",
        "valkey_cache_load_seconds",
        "valkey_command_seconds",
        "valkey_limit_decisions",
        "valkey_breaker_state",
        "valkey_pool_connections",
        "valkey_shard_up",
        "service_database_seconds",
        "service_request_seconds",
    } <= names
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = service.get("/metrics", **accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    seen = {
        sample.labels["endpoint"]
        for family in parse_open_metrics(answer.text)
        for sample in family.samples
        if family.name == "service_request_seconds"
    }
    assert "/users/{user_id}" in seen
    assert not any(str(id_) in endpoint for endpoint in seen)


def test_operators_see_more(service: Service) -> None:
    """Whoever comes through a proxy is nobody's operator, though it connects from this host."""
    assert service.get("/live").json() == {"live": True}
    assert service.get("/ready").json() == {"ready": True}
    status = service.get("/health/valkey")
    assert status.json()["shards"][0]["role"] == "primary"
    assert "ratelimit" in status.headers
    for header in ("x-forwarded-for", "forwarded", "via", "x-real-ip"):
        through = {header: "127.0.0.1"}
        check_problem(service.get("/metrics", **through), 404)
        short = service.get("/health/valkey", **through)
        assert short.json() == {"healthy": True}


def test_the_api_has_a_page(service: Service) -> None:
    """Every route is on it, but for the metrics, with its errors; the examples can be sent as they are."""
    page = service.get("/docs")
    assert page.status_code == 200
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    api = service.get("/openapi.json").json()
    paths = api["paths"]
    for errors in (paths["/login"]["post"]["responses"], paths["/me"]["patch"]["responses"]):
        for status in ("401", "422", "429", "503", "504"):
            told = errors[status]["content"]["application/problem+json"]
            assert told["example"]["status"] == int(status)
            assert set(told["schema"]["required"]) <= set(told["example"])
        assert "Retry-After" in errors["429"]["headers"]
    assert "429" in paths["/health/valkey"]["get"]["responses"]
    fields = api["components"]["schemas"]["SignUp"]["properties"]
    SignUp.model_validate({name: field["examples"][0] for name, field in fields.items()})
    assert {"/users/{user_id}", "/login", "/devices/{handle}", "/health/valkey"} <= set(paths)
    assert "/metrics" not in paths


def test_it_brings_a_server_of_its_own(server: EmbeddedServer, tmp_path: Path) -> None:
    """Where the environment names none; and Ctrl-C ends both, without a traceback.

    A request of which only a half was sent does not keep it.
    """
    assert server.is_running  # decides on the platform
    half = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    with (
        running("", tmp_path, SERVICE_TRACES_FILE="", SERVICE_DEADLINE="2") as own,
        socket.create_connection((HOST, own.port)) as slow,
    ):
        slow.sendall(half)
        assert own.get("/ready").status_code == 200
        [shard] = own.get("/health/valkey").json()["shards"]
        own.process.send_signal(signal.SIGINT)
        assert own.process.wait(60) == 0
    assert "Traceback" not in own.log
    assert not (tmp_path / "spans").exists()
    with ValkeyClient(ValkeyConfig(url=shard["shard"], retry_attempts=0)) as client:
        assert not client.is_healthy()
