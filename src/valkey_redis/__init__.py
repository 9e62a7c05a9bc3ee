"""A client, cache and session toolkit over Valkey and Redis: the public names."""

from valkey_redis.acquisition import Acquisition, AsyncAcquisition
from valkey_redis.cache import AsyncCache, Cache, Warmed
from valkey_redis.caching import CacheStats
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.codec import JSON, Codec, JsonCodec, PydanticCodec
from valkey_redis.config import ValkeyConfig
from valkey_redis.deadline import deadline, remaining
from valkey_redis.decision import Decision
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
    CircuitOpenError,
    CommandError,
    ConfigurationError,
    ConnectionLostError,
    CorruptValueError,
    DeadlineExceededError,
    EmbeddedServerError,
    InvalidArgumentError,
    LockError,
    LockLostError,
    LockNotAcquiredError,
    NotPermittedError,
    OutOfMemoryError,
    PoolExhaustedError,
    SchemaVersionError,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.eviction import (
    AsyncFIFOCache,
    AsyncLFUCache,
    AsyncLIFOCache,
    AsyncLRUCache,
    AsyncMRUCache,
    AsyncS3FIFOCache,
    AsyncSIEVECache,
    FIFOCache,
    LFUCache,
    LIFOCache,
    LRUCache,
    MRUCache,
    S3FIFOCache,
    SIEVECache,
)
from valkey_redis.eviction_plan import EvictionPolicyWarning, EvictionStats
from valkey_redis.fallback import fallback
from valkey_redis.health import AsyncValkeyHealth, HealthStatus, ValkeyHealth
from valkey_redis.keys import Keys
from valkey_redis.limit_calls import check_rate_limit, service_rate_limit, verify_and_limit
from valkey_redis.limits import (
    GCRA,
    FixedWindow,
    SlidingCounter,
    SlidingLog,
    TokenBucket,
)
from valkey_redis.lock import AsyncLock, Lock
from valkey_redis.observability import Observer, RoundTrip
from valkey_redis.pubsub import Message
from valkey_redis.ratelimit import AsyncRateLimiter, RateLimiter
from valkey_redis.redlock import AsyncRedlock, Redlock
from valkey_redis.resilience import CircuitBreaker, retry
from valkey_redis.session import AsyncSessionStore, SessionStore
from valkey_redis.session_plan import Session
from valkey_redis.store import AsyncModelStore, ModelStore
from valkey_redis.write_behind import AsyncWriteBehind, Write, WriteBehind

__all__ = [
    "GCRA",
    "JSON",
    "Acquisition",
    "AsyncAcquisition",
    "AsyncCache",
    "AsyncFIFOCache",
    "AsyncLFUCache",
    "AsyncLIFOCache",
    "AsyncLRUCache",
    "AsyncLock",
    "AsyncMRUCache",
    "AsyncModelStore",
    "AsyncRateLimiter",
    "AsyncRedlock",
    "AsyncS3FIFOCache",
    "AsyncSIEVECache",
    "AsyncSessionStore",
    "AsyncValkeyClient",
    "AsyncValkeyHealth",
    "AsyncWriteBehind",
    "AuthenticationError",
    "Cache",
    "CacheStats",
    "CircuitBreaker",
    "CircuitOpenError",
    "Codec",
    "CommandError",
    "ConfigurationError",
    "ConnectionLostError",
    "CorruptValueError",
    "DeadlineExceededError",
    "Decision",
    "EmbeddedServerError",
    "EncryptedCodec",
    "EvictionPolicyWarning",
    "EvictionStats",
    "FIFOCache",
    "FixedWindow",
    "HealthStatus",
    "InvalidArgumentError",
    "JsonCodec",
    "Keys",
    "LFUCache",
    "LIFOCache",
    "LRUCache",
    "Lock",
    "LockError",
    "LockLostError",
    "LockNotAcquiredError",
    "MRUCache",
    "Message",
    "ModelStore",
    "NotPermittedError",
    "Observer",
    "OutOfMemoryError",
    "PoolExhaustedError",
    "PydanticCodec",
    "RateLimiter",
    "Redlock",
    "RoundTrip",
    "S3FIFOCache",
    "SIEVECache",
    "SchemaVersionError",
    "ServerTimeoutError",
    "ServerUnavailableError",
    "Session",
    "SessionStore",
    "SlidingCounter",
    "SlidingLog",
    "TokenBucket",
    "ValkeyClient",
    "ValkeyConfig",
    "ValkeyHealth",
    "ValkeyRedisError",
    "Warmed",
    "Write",
    "WriteBehind",
    "aconnect",
    "cached",
    "check_rate_limit",
    "configure",
    "connect",
    "deadline",
    "fallback",
    "get_async_cache",
    "get_async_client",
    "get_cache",
    "get_client",
    "get_or_set_cache",
    "invalidate_cache",
    "remaining",
    "retry",
    "service_rate_limit",
    "verify_and_limit",
    "warm_cache",
]
