"""Typed values: `ModelStore` and `AsyncModelStore`, over pydantic models and any other type."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

from valkey_redis import commands, scripts
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import Codec, PydanticCodec
from valkey_redis.commands import Command, Lifetime, milliseconds
from valkey_redis.errors import CorruptValueError, InvalidArgumentError
from valkey_redis.keys import Keys

T = TypeVar("T")
C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
Id = str | int


class _Store(Generic[T, C]):
    """The decisions of both faces; see `ModelStore`."""

    def __init__(
        self,
        model: type[T],
        client: C,
        *,
        prefix: str,
        default_ttl: Lifetime,
        schema_version: int = 1,
        migrations: Mapping[int, Callable[[Any], Any]] | None = None,
        throw_on_parse: bool = False,
        delete_corrupt: bool = True,
        codec: Codec[T] | None = None,
    ) -> None:
        milliseconds("default_ttl", default_ttl)
        if codec is not None and (schema_version != 1 or migrations):
            raise InvalidArgumentError(
                "codec: has its own schema_version and migrations, say "
                "EncryptedCodec(keys, PydanticCodec(Model, schema_version=2))"
            )
        self.client: C = client
        self._codec: Codec[T] = codec or PydanticCodec(
            model, schema_version=schema_version, migrations=migrations
        )
        self._keys = Keys(prefix)
        self._default_ttl = default_ttl
        self._throw_on_parse = throw_on_parse
        self._delete_corrupt = delete_corrupt

    def key(self, id_: Id) -> str:
        """Return the key of an id: `prefix:id`."""
        return self._keys.key(id_)

    def _set(self, id_: Id, value: T, ttl: Lifetime | None) -> Command[None]:
        lifetime = self._default_ttl if ttl is None else ttl
        milliseconds("ttl", lifetime)
        return commands.set_(self._codec, self.key(id_), value, lifetime)

    def _get(self, id_: Id) -> Command[bytes | None]:
        # MGET counts a list or hash as missing, where GET would fail for all ids.
        return Command(("MGET", self.key(id_)), _first)

    def _read(
        self, ids: Iterable[Id], stored: Iterable[bytes | None]
    ) -> tuple[dict[Id, T], list[Command[int]]]:
        """Return the good values, and what is to be sent about the bad ones."""
        good: dict[Id, T] = {}
        bad: list[Command[int]] = []
        for id_, data in zip(ids, stored, strict=True):
            if data is None:
                continue
            try:
                good[id_] = self._codec.decode(data)
            except CorruptValueError as error:
                if self._throw_on_parse:
                    raise type(error)(f"{self.key(id_)}: {error}") from None
                if self._delete_corrupt:
                    # Only if it is still there: a good value may have been written meanwhile.
                    script = scripts.load("delete_if")
                    bad.append(commands.call(script, (self.key(id_),), (data,), int))
        return good, bad


class ModelStore(_Store[T, ValkeyClient]):
    """Values of one type by id, each with an expiry and a schema version.

    `model` is a pydantic model or any type that pydantic's TypeAdapter takes. A value that is
    corrupt or of another schema version counts as missing and is deleted (unless
    `delete_corrupt` is False), or raises CorruptValueError with `throw_on_parse`; nothing is
    deleted then. A key of another type (a list, say) counts as missing. `migrations[n]` turns plain JSON of version n into that of n + 1. `codec`
    replaces the schema's, say by an encrypted one. Lifetimes are seconds or timedeltas.
    Methods raise as the client's do.
    """

    @classmethod
    def from_env(cls, model: type[T], **settings: Any) -> Self:
        """Return a store over the server that the environment names; settings as for the class."""
        return cls(model, ValkeyClient(), **settings)

    def get(self, id_: Id) -> T | None:
        """Return the value, or None if there is none."""
        return self.get_many([id_]).get(id_)

    def get_many(self, ids: Iterable[Id]) -> dict[Id, T]:
        """Return the values by id, in one round trip; the others are left out."""
        ids = list(ids)
        stored = self.client.send_all([self._get(id_) for id_ in ids]) if ids else []
        good, bad = self._read(ids, stored)
        if bad:
            self.client.send_all(bad)
        return good

    def set(self, id_: Id, value: T, ttl: Lifetime | None = None) -> None:
        """Store the value; raise InvalidArgumentError for one that is not of the type."""
        self.client.send(self._set(id_, value, ttl))

    def set_many(self, values: Mapping[Id, T], ttl: Lifetime | None = None) -> None:
        """Store the values in one round trip, or none of them if one is not of the type."""
        if values:
            self.client.send_all([self._set(id_, value, ttl) for id_, value in values.items()])

    def delete(self, *ids: Id) -> int:
        """Delete the values; return how many there were."""
        return self.client.delete(*map(self.key, ids))

    def exists(self, id_: Id) -> bool:
        """Return whether there is a value, good or bad."""
        return bool(self.client.exists(self.key(id_)))

    def ttl(self, id_: Id) -> float | None:
        """Return the seconds until the value expires, 0 if there is none."""
        return self.client.ttl(self.key(id_))


class AsyncModelStore(_Store[T, AsyncValkeyClient]):
    """The asyncio face of `ModelStore`."""

    @classmethod
    def from_env(cls, model: type[T], **settings: Any) -> Self:
        """Return a store over the server that the environment names; settings as for the class."""
        return cls(model, AsyncValkeyClient(), **settings)

    async def get(self, id_: Id) -> T | None:
        """Return the value, or None if there is none."""
        return (await self.get_many([id_])).get(id_)

    async def get_many(self, ids: Iterable[Id]) -> dict[Id, T]:
        """Return the values by id, in one round trip; the others are left out."""
        ids = list(ids)
        stored = await self.client.send_all([self._get(id_) for id_ in ids]) if ids else []
        good, bad = self._read(ids, stored)
        if bad:
            await self.client.send_all(bad)
        return good

    async def set(self, id_: Id, value: T, ttl: Lifetime | None = None) -> None:
        """Store the value; raise InvalidArgumentError for one that is not of the type."""
        await self.client.send(self._set(id_, value, ttl))

    async def set_many(self, values: Mapping[Id, T], ttl: Lifetime | None = None) -> None:
        """Store the values in one round trip, or none of them if one is not of the type."""
        if values:
            queued = [self._set(id_, value, ttl) for id_, value in values.items()]
            await self.client.send_all(queued)

    async def delete(self, *ids: Id) -> int:
        """Delete the values; return how many there were."""
        return await self.client.delete(*map(self.key, ids))

    async def exists(self, id_: Id) -> bool:
        """Return whether there is a value, good or bad."""
        return bool(await self.client.exists(self.key(id_)))

    async def ttl(self, id_: Id) -> float | None:
        """Return the seconds until the value expires, 0 if there is none."""
        return await self.client.ttl(self.key(id_))


def _first(reply: Any) -> Any:
    return reply[0]
