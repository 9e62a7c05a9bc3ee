"""An empty backend and a client of it, for each of the twelve combinations."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import fakeredis
import pytest
import pytest_asyncio
import valkey
from tests.support.backends import BACKENDS, DRIVERS, FACES, Kind
from tests.support.told_once import told_once

from valkey_redis import ValkeyConfig


@pytest.fixture(scope="session", autouse=True)
def _told_once() -> Iterator[None]:
    """Ask each cluster's node no more than once for its table of commands."""
    with told_once():
        yield


@dataclass(frozen=True)
class Place:
    """A backend, and how to reach it."""

    backend: str
    kind: Kind
    fake: fakeredis.FakeServer | None = None
    url: str = ""

    def connect(self, **settings: Any) -> Any:
        """Return a client whose methods are awaited."""
        if self.fake is not None:
            return self.kind.fake(self.fake)
        if settings:
            return self.kind.client(self.url, **settings)
        return self.kind.of(_config(self.kind.url(self.url)))


@cache
def _config(url: str) -> ValkeyConfig:
    """Return the settings of a URL: to look through the environment takes longer than most tests."""
    return ValkeyConfig(url=url)


@cache
def _looking_on(port: int) -> valkey.Valkey:
    """Return a client that empties a server, always the same."""
    return valkey.Valkey(port=port)


def _empty(*ports: int) -> None:
    for port in ports:
        node = _looking_on(port)
        if node.execute_command("ROLE")[0] == b"master":
            node.flushall()


@pytest.fixture(params=itertools.product(BACKENDS, FACES, DRIVERS), ids="-".join)
def place(request: pytest.FixtureRequest) -> Place:
    """Return an empty backend of one of the twelve combinations."""
    backend, face, driver = request.param
    kind = Kind(face, driver)
    if backend == "fakeredis":
        server = fakeredis.FakeServer(server_type=driver, version=(7, 2))
        return Place(backend, kind, fake=server)
    if backend == "valkey":
        server = request.getfixturevalue("server")
        _empty(server.port)
        return Place(backend, kind, url=server.url)
    cluster = request.getfixturevalue("cluster")
    _empty(*(node.port for node in cluster.nodes))
    return Place(backend, kind, url=cluster.url)


@pytest_asyncio.fixture
async def client(place: Place) -> AsyncIterator[Any]:
    """Return a client of the empty backend."""
    async with place.connect() as connected:
        yield connected
