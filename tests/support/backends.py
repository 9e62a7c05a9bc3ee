"""Clients of {fakeredis, valkey, cluster} x {sync, async} x {valkey-py, redis-py}."""

import itertools
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
from tests.support.faces import AwaitableClient

from valkey_redis import AsyncValkeyClient, ValkeyClient, ValkeyConfig

BACKENDS = ("fakeredis", "valkey", "cluster")
FACES = ("sync", "async")
DRIVERS = ("valkey", "redis")

_FAKES: dict[tuple[str, str], Any] = {
    ("sync", "valkey"): fakeredis.FakeValkey,
    ("sync", "redis"): fakeredis.FakeRedis,
    ("async", "valkey"): fakeredis.FakeAsyncValkey,
    ("async", "redis"): fakeredis.FakeAsyncRedis,
}


@dataclass(frozen=True)
class Kind:
    """A face of a client over one driver."""

    face: str
    driver: str

    def __str__(self) -> str:
        return f"{self.face}-{self.driver}"

    def url(self, url: str) -> str:
        """Return the URL with this driver's scheme."""
        assert url.startswith("valkey")
        return self.driver + url.removeprefix("valkey")

    def client(self, url: str, **settings: Any) -> Any:
        """Return a client of the URL's server, whose methods are awaited."""
        return self.of(ValkeyConfig(url=self.url(url), **settings))

    def of(self, config: ValkeyConfig, **options: Any) -> Any:
        """Return a client of the settings, whose methods are awaited."""
        if self.face == "async":
            return AsyncValkeyClient(config, **options)
        return AwaitableClient(ValkeyClient(config, **options))

    def fake(self, server: fakeredis.FakeServer) -> Any:
        """Return a client of fakeredis, whose methods are awaited."""
        # Lua replies under RESP3 diverge in fakeredis; the package asks for RESP2 too.
        raw = _FAKES[self.face, self.driver](server=server, protocol=2)
        if self.face == "async":
            return AsyncValkeyClient(raw=raw)
        return AwaitableClient(ValkeyClient(raw=raw))


KINDS = tuple(Kind(face, driver) for face, driver in itertools.product(FACES, DRIVERS))
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
