"""A resource that refuses an old fence: a table in SQLite, which survives any lock."""

import sqlite3
from contextlib import closing
from pathlib import Path


class Ledger:
    """A named value each, that only the latest owner of its lock may write.

    `write` is told the fence of the acquisition, and takes it only if no later acquisition has
    written already. That one step is all that the resource must do. An owner who writes
    several times numbers its writes: what comes with a fence and a number that were there
    already is the same write once more (somebody sent it twice), and is refused like an older one.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        with closing(self._open()) as base, base:
            base.execute(
                "CREATE TABLE IF NOT EXISTS ledger"
                " (name TEXT PRIMARY KEY, value TEXT, fence INTEGER, number INTEGER)"
            )

    def write(self, name: str, value: str, fence: int, number: int = 0) -> bool:
        """Store the value; return False, and store nothing, if the fence and number are not new."""
        with closing(self._open()) as base, base:
            written = base.execute(
                "INSERT INTO ledger VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET value = excluded.value, fence = excluded.fence, number = excluded.number"
                " WHERE (excluded.fence, excluded.number) > (fence, number)",
                (name, value, fence, number),
            )
            return written.rowcount == 1

    def read(self, name: str) -> str | None:
        """Return the value; None if nobody has written it."""
        with closing(self._open()) as base:
            row = base.execute("SELECT value FROM ledger WHERE name = ?", (name,)).fetchone()
            return None if row is None else str(row[0])

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5)
