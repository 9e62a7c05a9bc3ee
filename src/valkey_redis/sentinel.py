"""What the drivers' Sentinel clients lack, as mixins over them."""

from typing import Any, cast


class ClosesSentinels:
    """Close the connections to the Sentinels too: the driver's close() leaves them open."""

    def close(self) -> None:
        """Close every connection; the next command opens new ones."""
        cast("Any", super()).close()
        for sentinel in cast("Any", self).connection_pool.sentinel_manager.sentinels:
            sentinel.close()


class AsyncClosesSentinels:
    """The asyncio face of `ClosesSentinels`."""

    async def aclose(self) -> None:
        """Close every connection; the next command opens new ones."""
        await cast("Any", super()).aclose()
        for sentinel in cast("Any", self).connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()


class DisconnectsIdle:
    """Mend valkey-py's blocking pool, which its own Sentinels call with an argument too many."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections, or only those that nobody uses."""
        pool = cast("Any", self)
        idle = [connection for connection in pool.pool.queue if connection is not None]
        for connection in list(pool._connections) if inuse_connections else idle:  # noqa: SLF001 - as the pool itself
            connection.disconnect()
