"""The contenders for sessions: this package, the usual ten lines by hand, and starsessions.

Each has the same methods: `create`, `read`, `update` (one field), `rotate`, `destroy`. `read`
is what a request does that only looks: by hand and with starsessions that prolongs the session
each time. A session lives in a database of its own for each contender.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks._bench import OURS
from valkey_redis import (
    AsyncSessionStore,
    AsyncValkeyClient,
    SessionStore,
    ValkeyClient,
    ValkeyConfig,
)

HOST = "127.0.0.1"
LIFE = 1800  # seconds
BY_HAND, STARSESSIONS = "redis-py by hand", "starsessions"
Data = dict[str, Any]
Meanwhile = Callable[[], Awaitable[Any]]


def contenders(port: int, *, is_async: bool) -> dict[str, Any]:
    """Return those that are installed and have this face, each with its client."""
    config = ValkeyConfig(
        url=f"valkey://{HOST}:{port}/1", username=None, password=None, db=1, tls=False
    )
    if not is_async:
        return {OURS: Ours(SessionStore(ValkeyClient(config))), BY_HAND: ByHand(port)}
    found: dict[str, Any] = {
        OURS: AsyncOurs(AsyncSessionStore(AsyncValkeyClient(config))),
        BY_HAND: AsyncByHand(port),
    }
    if find_spec("starsessions") is not None:
        found[STARSESSIONS] = Starsessions(port)
    return found


class Ours:
    """This package."""

    def __init__(self, store: SessionStore[Data]) -> None:
        self._store = store
        self.close = store.client.close

    def create(self, data: Data) -> str:
        """Make a session."""
        return self._store.create("ada", data).id

    def read(self, id_: str) -> Data | None:
        """Read it, and prolong it if half of its time is over."""
        session = self._store.read(id_)
        return None if session is None else session.data

    def update(self, id_: str, field: str, value: Any) -> Any:
        """Change a field."""
        return self._store.update(id_, {field: value})

    def rotate(self, id_: str) -> str | None:
        """Give it a new id."""
        session = self._store.rotate(id_)
        return None if session is None else session.id

    def destroy(self, id_: str) -> Any:
        """End it."""
        return self._store.destroy(id_)


class AsyncOurs:
    """The same, async."""

    def __init__(self, store: AsyncSessionStore[Data]) -> None:
        self._store = store
        self.close = store.client.close

    async def create(self, data: Data) -> str:
        """Make a session."""
        return (await self._store.create("ada", data)).id

    async def read(self, id_: str) -> Data | None:
        """Read it, and prolong it if half of its time is over."""
        session = await self._store.read(id_)
        return None if session is None else session.data

    async def update(
        self, id_: str, field: str, value: Any, meanwhile: Meanwhile | None = None
    ) -> Any:
        """Change a field; or read, let something happen meanwhile, and change it then."""
        if meanwhile is not None:
            await self._store.read(id_)
            await meanwhile()
        return await self._store.update(id_, {field: value})

    async def rotate(self, id_: str) -> str | None:
        """Give it a new id."""
        session = await self._store.rotate(id_)
        return None if session is None else session.id

    async def destroy(self, id_: str) -> Any:
        """End it."""
        return await self._store.destroy(id_)


class ByHand:
    """One JSON text under the id: GET, SET EX, DEL, as in most tutorials."""

    def __init__(self, port: int) -> None:
        self._client: Any = import_module("redis").Redis(host=HOST, port=port, db=2)
        self.close = self._client.close

    def create(self, data: Data) -> str:
        """SET EX."""
        id_ = secrets.token_urlsafe(32)
        self._client.set(id_, json.dumps(data), ex=LIFE)
        return id_

    def read(self, id_: str) -> Data | None:
        """GETEX: the expiry is renewed each time."""
        found = self._client.getex(id_, ex=LIFE)
        return None if found is None else json.loads(found)

    def update(self, id_: str, field: str, value: Any) -> Any:
        """GET, and SET EX of all."""
        data = self.read(id_) or {}
        data[field] = value
        return self._client.set(id_, json.dumps(data), ex=LIFE)

    def rotate(self, id_: str) -> str | None:
        """GET, SET EX, DEL."""
        new = self.create(self.read(id_) or {})
        self._client.delete(id_)
        return new

    def destroy(self, id_: str) -> Any:
        """DEL."""
        return self._client.delete(id_)


class AsyncByHand:
    """The same, async."""

    def __init__(self, port: int) -> None:
        self._client: Any = import_module("redis.asyncio").Redis(host=HOST, port=port, db=3)
        self.close = self._client.aclose

    async def create(self, data: Data) -> str:
        """SET EX."""
        id_ = secrets.token_urlsafe(32)
        await self._client.set(id_, json.dumps(data), ex=LIFE)
        return id_

    async def read(self, id_: str) -> Data | None:
        """GETEX: the expiry is renewed each time."""
        found = await self._client.getex(id_, ex=LIFE)
        return None if found is None else json.loads(found)

    async def update(
        self, id_: str, field: str, value: Any, meanwhile: Meanwhile | None = None
    ) -> Any:
        """GET, and SET EX of all."""
        data = await self.read(id_) or {}
        if meanwhile is not None:
            await meanwhile()
        data[field] = value
        return await self._client.set(id_, json.dumps(data), ex=LIFE)

    async def rotate(self, id_: str) -> str | None:
        """GET, SET EX, DEL."""
        new = await self.create(await self.read(id_) or {})
        await self._client.delete(id_)
        return new

    async def destroy(self, id_: str) -> Any:
        """DEL."""
        return await self._client.delete(id_)


class Starsessions:
    """starsessions: its RedisStore, and what its middleware does in each request (rolling)."""

    def __init__(self, port: int) -> None:
        client: Any = import_module("redis.asyncio").Redis(host=HOST, port=port, db=4)
        self._store = import_module("starsessions.stores.redis").RedisStore(connection=client)
        self._serializer = import_module("starsessions.serializers").JsonSerializer()
        self._handler = import_module("starsessions.session").SessionHandler
        self._connection = import_module("starlette.requests").HTTPConnection
        self.close = client.aclose

    async def _load(self, id_: str | None) -> Any:
        connection = self._connection({"type": "http"})
        handler = self._handler(connection, id_, self._store, self._serializer, LIFE)
        await handler.load()
        return handler

    async def create(self, data: Data) -> str:
        """Save what a request left in its session."""
        handler = await self._load(None)
        handler.connection.session.update(data)
        id_: str = await handler.save(LIFE)
        return id_

    async def read(self, id_: str) -> Data | None:
        """Load, and save at the end of the request unless it is empty."""
        handler = await self._load(id_)
        if handler.is_empty:
            return None
        data = dict(handler.connection.session)
        await handler.save(LIFE)
        return data

    async def update(
        self, id_: str, field: str, value: Any, meanwhile: Meanwhile | None = None
    ) -> Any:
        """Load, change, save."""
        handler = await self._load(id_)
        if meanwhile is not None:
            await meanwhile()
        handler.connection.session[field] = value
        return await handler.save(LIFE)

    async def rotate(self, id_: str) -> str | None:
        """Load, draw a new id, save."""
        handler = await self._load(id_)
        handler.regenerate_id()
        new: str = await handler.save(LIFE)
        return new

    async def destroy(self, id_: str) -> Any:
        """Load, clear, and remove at the end of the request."""
        handler = await self._load(id_)
        handler.connection.session.clear()
        return await handler.destroy()
