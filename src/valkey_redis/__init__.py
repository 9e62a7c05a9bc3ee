"""A client, cache and session toolkit over Valkey and Redis: the public names."""

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec, JsonCodec, PydanticCodec
from valkey_redis.config import ValkeyConfig
from valkey_redis.default import configure, get_async_client, get_client
from valkey_redis.driver import aconnect, connect
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

__all__ = [
    "JSON",
    "AsyncValkeyClient",
    "AuthenticationError",
    "Codec",
    "CommandError",
    "ConfigurationError",
    "CorruptValueError",
    "EmbeddedServerError",
    "InvalidArgumentError",
    "JsonCodec",
    "Keys",
    "Message",
    "OutOfMemoryError",
    "PydanticCodec",
    "SchemaVersionError",
    "ServerTimeoutError",
    "ServerUnavailableError",
    "ValkeyClient",
    "ValkeyConfig",
    "ValkeyRedisError",
    "aconnect",
    "configure",
    "connect",
    "get_async_client",
    "get_client",
]
