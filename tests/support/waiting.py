"""Wait for what must become true, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import psutil

POLL = 0.02  # seconds between two looks
DEADLINE = 20.0  # seconds: generous, as it is reached only when something is broken


def until(condition: Callable[[], object], what: str, within: float = DEADLINE) -> None:
    """Return as soon as the condition holds; fail at the deadline."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(POLL)


async def auntil(condition: Callable[[], Awaitable[object]], what: str) -> None:
    """Return as soon as the condition holds; fail at the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not await condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(POLL)


def is_alive(pid: int) -> bool:
    """Return whether the process runs; one that only waits to be collected does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
