"""Listen on a connection of one's own, at the node that serves a key."""

from importlib import import_module
from typing import Any


def listener(raw: Any, key: str) -> Any:
    """Return a driver's pub/sub; it holds no connection of the client's pool.

    Many may listen for long: were those the pool's connections, whoever is to call them might
    find none left. Only the node that serves the key can count who listens to it there.
    """
    if not hasattr(raw, "_driver"):  # given as `raw`: its own way must do
        return raw.pubsub()
    driver, face = raw._driver, raw._face  # noqa: SLF001 - made by driver.py
    where = raw
    if hasattr(raw, "keyslot"):
        nodes = raw.nodes_manager.slots_cache.get(raw.keyslot(key))
        if not nodes:  # not known yet, or nobody serves it now: any node passes messages on
            return raw.pubsub()
        where = nodes[0]
        if not face:
            where = getattr(raw, f"get_{driver}_connection")(where)
    where = getattr(where, "connection_pool", where)  # an asyncio cluster's node is its own pool
    main = import_module(driver + face)
    pool = main.ConnectionPool(connection_class=where.connection_class, **where.connection_kwargs)
    made = getattr(main, driver.capitalize()).from_pool(pool).pubsub()
    made.own_pool = pool  # to be closed with it: a connection that was cancelled stays in there
    return made
