"""What the drivers' cluster clients lack, as mixins over them."""

import asyncio
import random
from importlib import import_module
from typing import Any, cast

from valkey_redis.errors import CommandError


class NoTransaction:
    """Refuse a transaction, which only one of the drivers can send, and only to one slot."""

    def pipeline(self, transaction: bool = False) -> Any:
        """Return the driver's pipeline; raise CommandError for a transaction."""
        if transaction:
            raise CommandError(
                "pipeline(transaction=True): a cluster's pipeline goes to several nodes; "
                "use a script over keys with one hash tag"
            )
        return cast("Any", super()).pipeline()


class Reopening:
    """Close the connections only: the driver's close() leaves a cluster client unusable."""

    def close(self) -> None:
        """Close the connections of every node; the next command opens new ones."""
        if hasattr(self, "nodes_manager"):  # else the constructor failed
            cast("Any", self).disconnect_connection_pools()


# What a command meets that is under way when another one finds its node dead: both drivers close
# all connections of a cluster client then, also under those who use them.
_CLOSED_UNDER = (
    "'NoneType' object has no attribute",
    "argument must be an int, or have a fileno() method",
    "file descriptor cannot be a negative integer",
)


def _as_lost(error: Exception, driver: str) -> Exception:
    """Return the driver's error for a connection that was closed under a command; else the same."""
    if not str(error).startswith(_CLOSED_UNDER):
        return error
    lost: type[Exception] = import_module(f"{driver}.exceptions").ConnectionError
    return lost("Connection closed by another command")


class Steady:
    """Say that a connection was lost, where the driver stumbles over it."""

    _driver: str

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command."""
        try:
            return cast("Any", super()).execute_command(*args, **options)
        except (AttributeError, TypeError, ValueError) as error:
            raise _as_lost(error, self._driver) from error


class AsyncReopening:
    """The asyncio face of `Reopening`."""

    _closed: bool

    async def aclose(self) -> None:
        """Close the connections of every node; the next command opens new ones."""
        await cast("Any", super()).aclose()
        self._closed = False


class AsyncGated:
    """Make callers wait for a connection: the cluster's pool raises instead."""

    _gate: asyncio.Semaphore
    _driver: str

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send the command as soon as fewer than `max_connections` others are on their way."""
        cluster = cast("Any", self)
        async with self._gate:
            if cluster._initialize:  # noqa: SLF001 - as the drivers' own pipelines
                # Else redis-py closes a connection under one of the first commands, if
                # several come at once: it was seen with 1 new client of 20.
                await cluster.initialize()
            try:
                return await cast("Any", super()).execute_command(*args, **options)
            except (AttributeError, TypeError, ValueError) as error:
                raise _as_lost(error, self._driver) from error


class AsyncPubSubOnOneNode:
    """Listen on any one node: a cluster sends every message to every node.

    valkey-py's asyncio cluster has no pub/sub; redis-py's knows no node before the first command.
    """

    _driver: str

    def pubsub(self, **options: Any) -> Any:
        """Return the driver's pub/sub of one node."""
        cluster = cast("Any", self)
        nodes = cluster.get_nodes() or list(cluster.nodes_manager.startup_nodes.values())
        node = random.choice(nodes)  # noqa: S311 - spreads load, guards nothing
        main = import_module(f"{self._driver}.asyncio")
        pool = main.ConnectionPool(connection_class=node.connection_class, **node.connection_kwargs)
        return getattr(main, self._driver.capitalize()).from_pool(pool).pubsub(**options)
