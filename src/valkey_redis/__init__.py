"""A client, cache and session toolkit over Valkey and Redis: the public names."""

from valkey_redis.cache import AsyncCache, Cache, Warmed
from valkey_redis.caching import CacheStats
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec, JsonCodec, PydanticCodec
from valkey_redis.config import ValkeyConfig
from valkey_redis.decorators import cached, get_or_set_cache, invalidate_cache, warm_cache
from valkey_redis.default import (
    configure,
    get_async_cache,
    get_async_client,
    get_cache,
    get_client,
)
from valkey_redis.driver import aconnect, connect
from valkey_redis.encryption import EncryptedCodec
from valkey_redis.errors import (
    AuthenticationError,
    CommandError,
    ConfigurationError,
    CorruptValueError,
    EmbeddedServerError,
    InvalidArgumentError,
    OutOfMemoryError,
    SchemaVersionError,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.keys import Keys
from valkey_redis.pubsub import Message
from valkey_redis.store import AsyncModelStore, ModelStore
from valkey_redis.write_behind import AsyncWriteBehind, Write, WriteBehind

__all__ = [
    "JSON",
    "AsyncCache",
    "AsyncModelStore",
    "AsyncValkeyClient",
    "AsyncWriteBehind",
    "AuthenticationError",
    "Cache",
    "CacheStats",
    "Codec",
    "CommandError",
    "ConfigurationError",
    "CorruptValueError",
    "EmbeddedServerError",
    "EncryptedCodec",
    "InvalidArgumentError",
    "JsonCodec",
    "Keys",
    "Message",
    "ModelStore",
    "OutOfMemoryError",
    "PydanticCodec",
    "SchemaVersionError",
    "ServerTimeoutError",
    "ServerUnavailableError",
    "ValkeyClient",
    "ValkeyConfig",
    "ValkeyRedisError",
    "Warmed",
    "Write",
    "WriteBehind",
    "aconnect",
    "cached",
    "configure",
    "connect",
    "get_async_cache",
    "get_async_client",
    "get_cache",
    "get_client",
    "get_or_set_cache",
    "invalidate_cache",
    "warm_cache",
]
