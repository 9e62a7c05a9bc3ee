"""What every example begins with: a client of some server, and one clear line if there is none."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from valkey_redis import (
    EmbeddedServerError,
    ServerUnavailableError,
    ValkeyClient,
    ValkeyRedisError,
    commands,
)
from valkey_redis.embedded import EmbeddedServer

OWN_SERVER = ("VALKEY_URL", "REDIS_URL", "VALKEY_HOST", "REDIS_HOST")


@contextmanager
def demo_client() -> Iterator[ValkeyClient]:
    """Yield a client: of your server if the environment names one, else of an embedded Valkey.

    Where there is no embedded server (Windows), fakeredis stands in. Any error of this
    package ends the example with one line.
    """
    try:
        if any(os.environ.get(name) for name in OWN_SERVER):
            with ValkeyClient() as client:
                yield _checked(client)
            return
        try:
            server = EmbeddedServer()
            server.start()
        except EmbeddedServerError as error:
            print(f"({error}; using fakeredis)")
            yield _fake_client()
            return
        try:
            with ValkeyClient(server.config) as client:
                yield _checked(client)
        finally:
            server.close()
    except ValkeyRedisError as error:
        sys.exit(f"error: {error}")


def _checked(client: ValkeyClient) -> ValkeyClient:
    """Return the client; raise if its server does not answer, before the example begins."""
    # Not guarded: a breaker that opens warns, and one clear line is enough.
    client.attempt(commands.exists(("example",)), guarded=False)
    print(f"(server: {client})\n")
    return client


def _fake_client() -> ValkeyClient:
    try:
        import fakeredis  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ServerUnavailableError(
            "no server: set VALKEY_URL, or install valkey-redis-workshop[workshop]"
        ) from None
    return ValkeyClient(raw=fakeredis.FakeValkey())
