"""Let the drivers ask once for what stays the same: it takes longer than most tests.

Each new client of a cluster asks for COMMAND, a table of some hundred lines, and takes it
apart; each client of redis-py reads from the disk which version it has. Neither is ours.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module, metadata
from typing import Any

import pytest


@contextmanager
def told_once() -> Iterator[None]:
    """Remember both for as long as the block lasts; what a user with a name may ask is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata, "version", cache(metadata.version))
        for driver in ("valkey", "redis"):
            parsers = import_module(f"{driver}._parsers.commands")
            sync, tasks = parsers.CommandsParser, parsers.AsyncCommandsParser
            patch.setattr(sync, "initialize", _remembering(sync.initialize))
            patch.setattr(tasks, "initialize", _remembering_async(tasks.initialize))
        yield


def _remembering(ask: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    told: dict[str, Any] = {}

    def initialize(parser: Any, cluster: Any) -> None:
        if cluster.nodes_manager.connection_kwargs.get("username") or not told:
            ask(parser, cluster)
            told.update(parser.commands)
        else:
            parser.commands = told.copy()

    return initialize


def _remembering_async(ask: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    told: dict[str, Any] = {}

    async def initialize(parser: Any, node: Any = None) -> None:
        if node is None or node.connection_kwargs.get("username") or not told:
            await ask(parser, node)
            told.update(parser.commands)
        else:
            parser.node, parser.commands = node, told.copy()

    return initialize
