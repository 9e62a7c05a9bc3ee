"""An empty backend and a client of it, for each of the twelve combinations."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
import pytest_asyncio
import valkey
from tests.support.backends import BACKENDS, DRIVERS, FACES, Kind


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
        return self.kind.client(self.url, **settings)


def _empty(*ports: int) -> None:
    for port in ports:
        with valkey.Valkey(port=port) as node:
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
