"""The database: SQLite, in a few threads, behind a bulkhead and a circuit breaker.

The cache is there to spare the database; when the cache is away, the database must not be the
next to fall. So no more than THREADS queries run, no more than WAITING wait, and whoever comes
then is refused at once: a quick 503 is better than a slow one for all.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from valkey_redis.deadline import within
from valkey_redis.errors import ConfigurationError, ServerUnavailableError
from valkey_redis.resilience import CircuitBreaker

T = TypeVar("T")
THREADS, WAITING = 4, 100
BUSY, SLOW = 1.0, 1.0  # seconds: waited for another process's write; a query, or its wait
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a deleted user's id is nobody else's, ever
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password TEXT NOT NULL
)
"""
OnQuery = Callable[[str, float], None]


class DatabaseError(ServerUnavailableError):
    """The database does not answer, or has no time for more; its own words may quote values."""


def make(path: Path) -> None:
    """Make the file and its table, if there is none; raise ConfigurationError, one line, if it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=BUSY)) as db:
            db.execute("PRAGMA journal_mode=WAL").close()  # readers do not wait for the writer
            db.execute(SCHEMA)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"SERVICE_DATABASE={path}: {error}") from None


class Database:
    """SQLite for asyncio, as a context manager: `await database.run("name", query)`.

    `query(connection)` runs in a thread. `delay` makes each query take so many
    seconds longer. `on_query(name, seconds)` is told of each.
    """

    def __init__(self, path: Path, *, delay: float, on_query: OnQuery) -> None:
        self._path, self._delay, self._on_query = path, delay, on_query
        # Slower than SLOW counts as failed; a request's deadline comes later, or none ever would.
        self.breaker = CircuitBreaker("database", failures=(DatabaseError,), slow_after=SLOW)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._asked = 0

    async def __aenter__(self) -> Self:
        """Make the file, if there is none; see `make`."""
        await asyncio.to_thread(make, self._path)
        return self

    async def run(self, name: str, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query in one transaction; return what it returns.

        Raises DatabaseError, CircuitOpenError, and DeadlineExceededError, all of which become
        503 or 504; a broken rule (a second user with one e-mail address) stays an IntegrityError.
        """
        if self._asked >= THREADS + WAITING:  # our own crowd: no failure of the database
            raise DatabaseError("the database has too much to do")
        with self.breaker.guard():
            self._asked += 1
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._run, name, query)
            # A thread cannot be stopped: whoever's time is over leaves, its place is still taken.
            work.add_done_callback(self._finish)
            return await within(asyncio.shield(work))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections, once nobody needs them."""
        self._threads.shutdown()
        for db in self._connections:
            db.close()

    def _finish(self, work: "asyncio.Future[T]") -> None:
        self._asked -= 1
        _ = work.cancelled() or work.exception()  # perhaps nobody waits for it any more

    def _run(self, name: str, query: Callable[[sqlite3.Connection], T]) -> T:
        began = time.perf_counter()
        try:
            db = self._connection()
            with db:
                return query(db)
        except sqlite3.OperationalError as error:
            raise DatabaseError(f"the database: {type(error).__name__}") from None
        finally:
            time.sleep(self._delay)
            self._on_query(name, time.perf_counter() - began)

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        if not hasattr(self._own, "db"):
            # Used by this thread alone, but closed by another.
            self._own.db = sqlite3.connect(self._path, timeout=BUSY, check_same_thread=False)
            self._connections.append(self._own.db)
        db: sqlite3.Connection = self._own.db
        return db
