"""`make doctor`: look at everything that the workshop stands on, and say how to mend it."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from valkey_redis import ValkeyClient, ValkeyRedisError
from valkey_redis.embedded import HOST, EmbeddedServer
from workshop import bootstrap
from workshop.lab import require_empty

PORT = 6379


class Finding(NamedTuple):
    """One thing looked at: whether it is well, what was found, and how to mend it."""

    well: bool
    what: str
    mend: str = ""


def examine() -> list[Finding]:
    """Return every finding, in the order in which one would mend them."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _server,
        _own_server,
        _port,
        _notebooks,
        _git,
    ]
    return [finding for look in looks for finding in look()]


def lines(findings: list[Finding]) -> list[str]:
    """Return the findings as people read them."""
    shown = []
    for finding in findings:
        shown.append(f"[{'ok' if finding.well else '!!'}] {finding.what}")
        if not finding.well:
            shown.append(f"     mend: {finding.mend}")
    return shown


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding(
        sys.version_info >= bootstrap.OLDEST,
        f"Python {version} on {platform.system()} {platform.machine()}",
        "install Python 3.11 or newer, then: make clean setup",
    )


def _packages() -> Iterator[Finding]:
    stamp = bootstrap.STAMP
    current = stamp.exists() and stamp.read_text() == bootstrap.fingerprint()
    yield Finding(current, "packages as requirements.lock names them", "make setup")


def _server() -> Iterator[Finding]:
    before = time.perf_counter()
    try:
        with EmbeddedServer() as server, ValkeyClient(server.config) as client:
            version = client.raw.execute_command("INFO", "server").get("valkey_version", "?")
            took = (time.perf_counter() - before) * 1000
        yield Finding(well=True, what=f"embedded Valkey {version}, up in {took:.0f} ms")
    except ValkeyRedisError as error:
        yield Finding(
            well=False,
            what=f"embedded server: {error}",
            mend="exercises run on fakeredis meanwhile; or set VALKEY_URL to a server of your own",
        )


def _own_server() -> Iterator[Finding]:
    own = os.environ.get("VALKEY_URL")
    if not own:
        return
    try:
        require_empty(own)
        yield Finding(well=True, what="VALKEY_URL: the server answers, and its database is empty")
    except ValkeyRedisError as error:
        yield Finding(
            well=False, what=str(error), mend="start it, name another, or: unset VALKEY_URL"
        )


def _port() -> Iterator[Finding]:
    with socket.socket() as probe:
        taken = probe.connect_ex((HOST, PORT)) == 0
    state = "something listens on it" if taken else "free"
    yield Finding(well=True, what=f"port {PORT}, which only `make infra-up` uses: {state}")


def _notebooks() -> Iterator[Finding]:
    missing = [n for n in ("ipykernel", "jupyterlab") if importlib.util.find_spec(n) is None]
    yield Finding(
        not missing, f"notebook kernel{''.join(f', no {n}' for n in missing)}", "make setup"
    )


def _git() -> Iterator[Finding]:
    yield Finding(
        shutil.which("git") is not None,
        "git, for `make update` and `make reset-N`",
        "install git; exercises work without it",
    )
