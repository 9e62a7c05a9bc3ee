"""The users service in a process of its own, and a client that does what browsers do not."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.support.waiting import until

from valkey_redis.embedded import HOST

START = 120.0  # seconds: on a busy machine it takes long to import so much
NAME = "__Host-session"
PASSWORD = "correct horse"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to make one for each client takes long


@dataclass
class Service:
    """A running service; `folder` has its log, its database and its spans."""

    url: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    browsers: list["Browser"] = field(default_factory=list)

    def browser(self, **headers: str) -> "Browser":
        """Return a new browser; it is closed with the service."""
        self.browsers.append(Browser(self, **headers))
        return self.browsers[-1]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Return the answer to somebody without a cookie."""
        return self.browsers[0].ask("GET", path, cookie="", **headers)

    @property
    def log(self) -> str:
        """Return what it wrote so far, to both outputs."""
        return (self.folder / "log").read_text()

    def metrics(self) -> str:
        """Return what Prometheus would see."""
        answer = self.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    def queries(self, name: str) -> int:
        """Return how often the database was asked that."""
        line = rf'^service_database_seconds_count{{query="{name}"}} (\S+)'
        found = re.search(line, self.metrics(), re.MULTILINE)
        return int(float(found[1])) if found else 0

    def stop(self) -> None:
        """Let it end in order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def raw(self, *lines: bytes, body: bytes = b"") -> bytes:
        """Send a request as it stands; return all that is answered."""
        with socket.create_connection((HOST, self.port), timeout=20) as connection:
            connection.sendall(b"\r\n".join([*lines, b"Connection: close", b"", body]))
            answer = b""
            with suppress(ConnectionResetError):  # it need not read all of what it refuses
                while part := connection.recv(2**16):
                    answer += part
            return answer


@contextmanager
def running(valkey: str, folder: Path, **settings: str) -> Iterator[Service]:
    """Run the service over the server of that URL; settings are variables."""
    environment = {
        **os.environ,
        "VALKEY_URL": valkey,
        "PORT": "0",
        "SERVICE_DATABASE": str(folder / "users.sqlite3"),
        "SERVICE_TRACES_FILE": str(folder / "spans"),
        "SERVICE_PASSWORD_COST": "4",
        "SERVICE_REQUESTS_PER_MINUTE": "100000",
        "SERVICE_SIGN_UPS_PER_HOUR": "100000",
        "SERVICE_PATIENCE": "2",  # a busy machine is no outage
        "SERVICE_DEADLINE": "30",
        **settings,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "valkey_redis.examples.service"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    service = Service("", 0, folder, process)

    def is_up() -> bool:
        assert process.poll() is None, service.log
        return "startup complete" in service.log and "/docs" in service.log

    try:
        until(is_up, "the service serves", START)
        found = re.search(r"http://[^:]+:(\d+)/docs", service.log)
        assert found is not None
        service.port = int(found[1])
        service.url = f"http://{HOST}:{service.port}"
        service.browser()  # nobody's: for `get`
        yield service
    finally:
        for browser in service.browsers:
            browser.client.close()
        service.stop()


class Browser:
    """A browser with one cookie; it keeps what the service answered."""

    def __init__(self, service: Service, **headers: str) -> None:
        self.client = httpx.Client(
            base_url=service.url, headers=headers, timeout=30, verify=_NO_TLS, trust_env=False
        )
        self.cookie = ""
        self.answers: list[httpx.Response] = []

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer, and keep the cookie that it sets."""
        if self.cookie and "cookie" not in headers:
            headers["cookie"] = f"{NAME}={self.cookie}"
        self.client.cookies.clear()
        answer = self.client.request(method, path, json=body, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            self.cookie = line.partition(";")[0].removeprefix(f"{NAME}=")
        self.answers.append(answer)
        return answer

    def sign_up(self, email: str, name: str = "Ada", password: str = PASSWORD) -> int:
        """Make an account, log in, return its id."""
        account = {"email": email, "password": password}
        answer = self.ask("POST", "/users", {**account, "name": name})
        assert answer.status_code == 201, answer.text
        assert self.ask("POST", "/login", account).status_code == 200
        return int(answer.json()["id"])


def check_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that an answer is a problem of that status; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], bool(problem["title"]), bool(problem["detail"])) == (
        status,
        True,
        True,
    )
    assert problem["instance"].startswith("urn:uuid:")
    assert problem["type"] == "about:blank" or problem["type"].startswith("https://iana.org/")
    return problem
