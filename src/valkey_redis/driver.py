"""Connect with the driver, the topology and the retries that the settings ask for.

The only module that knows which driver is in use, and the only one that casts
between them: neither driver satisfies a precise Protocol under mypy strict.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, cast

from valkey_redis import clustering, sentinel
from valkey_redis.address import Address
from valkey_redis.config import ValkeyConfig
from valkey_redis.errors import ConfigurationError
from valkey_redis.pool import AsyncQuick, InTime, PacksInC, QuickLifoQueue
from valkey_redis.retrying import AsyncDirect, AsyncRetrying, Direct, Hurried, Retrying


class RawClient(Protocol):
    """What this package uses of a driver's synchronous client."""

    def execute_command(self, *args: Any, **options: Any) -> Any: ...  # noqa: D102 - the drivers document it
    def pipeline(self, transaction: bool = ...) -> Any: ...  # noqa: D102 - the drivers document it
    def scan_iter(self, match: str, count: int) -> Iterator[Any]: ...  # noqa: D102 - the drivers document it
    def pubsub(self, **options: Any) -> Any: ...  # noqa: D102 - the drivers document it
    def close(self) -> None: ...  # noqa: D102 - the drivers document it


class AsyncRawClient(Protocol):
    """What this package uses of a driver's asyncio client."""

    def execute_command(self, *args: Any, **options: Any) -> Awaitable[Any]: ...  # noqa: D102 - the drivers document it
    def pipeline(self, transaction: bool = ...) -> Any: ...  # noqa: D102 - the drivers document it
    def scan_iter(self, match: str, count: int) -> AsyncIterator[Any]: ...  # noqa: D102 - the drivers document it
    def pubsub(self, **options: Any) -> Any: ...  # noqa: D102 - the drivers document it
    def aclose(self) -> Awaitable[None]: ...  # noqa: D102 - the drivers document it


def connect(config: ValkeyConfig | None = None, *, decode_responses: bool = False) -> RawClient:
    """Return the driver's own client for the settings; standalone and Sentinel connect on first use.

    Raises ConfigurationError if the driver is not installed, and the driver's own
    ConnectionError if no node of a cluster answers.
    """
    return cast("RawClient", _Builder(config or ValkeyConfig(), decode_responses, "").build())


def aconnect(
    config: ValkeyConfig | None = None, *, decode_responses: bool = False
) -> AsyncRawClient:
    """Return the driver's own asyncio client for the settings; it connects on first use.

    Raises ConfigurationError if the driver is not installed.
    """
    builder = _Builder(config or ValkeyConfig(), decode_responses, ".asyncio")
    return cast("AsyncRawClient", builder.build())


class _Builder:
    """Turn the settings into a client of one driver and one face ("" or ".asyncio")."""

    def __init__(self, config: ValkeyConfig, decode_responses: bool, face: str) -> None:
        self.config = config
        self.address: Address = config.address
        self.decode_responses = decode_responses
        self.face = face
        self.driver = self.address.driver
        self.main = self._module(face)
        self.prefix = self.driver.capitalize()

    def _module(self, path: str) -> ModuleType:
        try:
            return import_module(self.driver + path)
        except ImportError:
            raise ConfigurationError(
                f"{self.driver}:// takes the package '{self.driver}', which is not installed; "
                "install valkey-redis-workshop[redis], or use valkey://"
            ) from None

    def build(self) -> object:
        build = {
            "standalone": self._standalone,
            "sentinel": self._sentinel,
            "cluster": self._cluster,
        }
        return build[self.address.topology]()

    def _standalone(self) -> object:
        host, port = self.address.hosts[0]
        kind = self._connection()
        pool_class = self.main.BlockingConnectionPool
        if self.driver == "valkey" and self.face:
            pool_class = type("QuickBlockingPool", (AsyncQuick, pool_class), {})
            packer = self._module(".connection").LibvalkeyRespSerializer()
            kind = type("QuickConnection", (PacksInC, kind), {"_packer": packer})
        pool = pool_class(
            connection_class=kind,
            host=host,
            port=port,
            db=self.address.db,
            retry=self._no_retry(),
            **self._pool_options(),
            **self._options(),
            **self._tls_options(),
        )
        return self._client_class(self.prefix).from_pool(pool)

    def _sentinel(self) -> object:
        module = self._module(f"{self.face}.sentinel")
        # The Sentinel pool raises when it is full; over the blocking pool it waits.
        bases: tuple[type, ...] = (module.SentinelConnectionPool, self.main.BlockingConnectionPool)
        if self.driver == "valkey" and not self.face:
            bases = (sentinel.DisconnectsIdle, *bases)
        pool_class = type("BlockingSentinelPool", bases, {})
        config = self.config
        own_password = config.sentinel_password
        sentinels = module.Sentinel(
            self.address.hosts,
            sentinel_kwargs={
                "username": config.sentinel_username,
                "password": own_password.get_secret_value() if own_password else None,
                "socket_timeout": config.timeout,
                "socket_connect_timeout": config.connect_timeout,
                "protocol": 2,
                "retry": self._no_retry(),
                **({"ssl": True} if self.address.tls else {}),
                **self._tls_options(),
            },
        )
        for one in sentinels.sentinels:
            one.connection_pool.connection_class = self._connection()
        return sentinels.master_for(
            self.address.service,
            self._client_class(self.prefix),
            connection_pool_class=pool_class,
            connection_class=self._connection(module, "SentinelManaged"),
            db=self.address.db,
            retry=self._no_retry(),
            ssl=self.address.tls,
            **self._pool_options(),
            **self._options(),
            **self._tls_options(),
        )

    def _cluster(self) -> object:
        node = self._module(f"{self.face}.cluster").ClusterNode
        nodes = [node(host, port) for host, port in self.address.hosts]
        client = self._client_class(f"{self.prefix}Cluster")
        # One uncovered slot must not refuse the other 16,383.
        common = {"startup_nodes": nodes, "require_full_coverage": False} | self._options()
        if self.driver == "redis":
            common["retry"] = self._no_retry()
        if self.face:
            if self.driver == "valkey":
                # Its pipeline counts attempts from 1: with 0 it would never run.
                common |= {"cluster_error_retry_attempts": 1, "retry": self._no_retry()}
            built = client(
                ssl=self.address.tls, max_connections=2**31, **common, **self._tls_options()
            )
            built._gate = asyncio.Semaphore(self.config.max_connections)  # noqa: SLF001 - a mixin of ours has it
            return built
        if self.driver == "valkey":
            common["cluster_error_retry_attempts"] = 0
        # A cluster client drops most pool and TLS options on the way to its nodes'
        # pools, but keeps the pool class, and honours that only beside a URL.
        pool_class = partial(
            self.main.BlockingConnectionPool,
            connection_class=self._connection(),
            health_check_interval=self.config.health_check_interval,
            **self._pool_options(),
            **self._tls_options(),
        )
        host, port = self.address.hosts[0]
        url = f"redis://{f'[{host}]' if ':' in host else host}:{port}"
        return client(url=url, connection_pool_class=pool_class, **common)

    def _connection(self, of: Any = None, kind: str = "") -> Any:
        """Return the driver's class of a connection; a synchronous one keeps to the deadline."""
        name = f"{kind}SSLConnection" if self.address.tls else f"{kind}Connection"
        base = getattr(of or self.main, name)
        return base if self.face else type(name, (InTime, base), {})

    def _client_class(self, name: str) -> Any:
        bases: tuple[type, ...] = (getattr(self.main, name),)
        if self.address.topology == "cluster" and self.face:
            mixins = clustering.AsyncGated, clustering.AsyncPubSubOnOneNode
            bases = (clustering.NoTransaction, clustering.AsyncReopening, *mixins, *bases)
        elif self.address.topology == "cluster":
            bases = (clustering.NoTransaction, clustering.Reopening, clustering.Steady, *bases)
        elif self.address.topology == "sentinel":
            closing = sentinel.AsyncClosesSentinels if self.face else sentinel.ClosesSentinels
            bases = (closing, *bases)
        if self.address.topology == "standalone":
            bases = (AsyncDirect if self.face else Direct, *bases)
        bases = (AsyncRetrying if self.face else Retrying, *bases)
        members = {
            "_retry": self._repeat(),
            "_attempts": self.config.retry_attempts,
            "_names_command": self.driver == "valkey",
        }
        return type(name, bases, members | {"_driver": self.driver, "_face": self.face})

    def _no_retry(self) -> Any:
        return self._module(f"{self.face}.retry").Retry(self._module(".backoff").NoBackoff(), 0)

    def _repeat(self) -> Any:
        """Return the driver's Retry with the backoff and the errors of the settings."""
        backoffs, errors = self._module(".backoff"), self._module(".exceptions")
        config = self.config
        cap, base = config.retry_cap, config.retry_base
        backoff = {
            "exponential": partial(backoffs.ExponentialBackoff, cap, base),
            "jitter": partial(backoffs.FullJitterBackoff, cap, base),
            "constant": partial(backoffs.ConstantBackoff, base),
        }[config.retry_backoff_type]()
        kinds: tuple[type[Exception], ...] = ()
        if "connection" in config.retry_on:
            kinds += (
                errors.ConnectionError,
                errors.ClusterDownError,
                errors.SlotNotCoveredError,
                errors.TryAgainError,
            )
        if "timeout" in config.retry_on:
            kinds += (errors.TimeoutError,)
        retry = self._module(f"{self.face}.retry").Retry
        return retry(Hurried(backoff), config.retry_attempts, kinds)

    def _options(self) -> dict[str, Any]:
        config = self.config
        return {
            "username": self.address.username,
            "password": self.address.password,
            "socket_timeout": config.timeout,
            "socket_connect_timeout": config.connect_timeout,
            "client_name": config.client_name,
            "health_check_interval": config.health_check_interval,
            "decode_responses": self.decode_responses,
            # One protocol everywhere: replies have the same shapes under both drivers.
            "protocol": 2,
        }

    def _pool_options(self) -> dict[str, Any]:
        config = self.config
        options: dict[str, Any] = {
            "max_connections": config.max_connections,
            "timeout": config.pool_timeout,
        }
        return options if self.face else options | {"queue_class": QuickLifoQueue}

    def _tls_options(self) -> dict[str, Any]:
        if not self.address.tls:
            return {}
        config = self.config
        return {
            "ssl_ca_certs": str(config.tls_ca_file) if config.tls_ca_file else None,
            "ssl_certfile": str(config.tls_cert_file) if config.tls_cert_file else None,
            "ssl_keyfile": str(config.tls_key_file) if config.tls_key_file else None,
            "ssl_cert_reqs": "required" if config.tls_verify else "none",
            "ssl_check_hostname": config.tls_verify,
        }
