"""The examples' database: a table of users in SQLite, slow on purpose."""

import sqlite3
import threading
import time

from pydantic import BaseModel


class User(BaseModel):
    """A row of the table of users."""

    id: int
    name: str


class Users:
    """The database; it takes 20 ms a query, and counts them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, version INTEGER)")
        self._lock = threading.Lock()
        self.queries = 0
        self.is_down = False

    def load(self, id_: int) -> User | None:
        """Return a user, or None."""
        self.queries += 1
        time.sleep(0.02)
        if self.is_down:
            raise ConnectionError("the database is down")
        with self._lock:
            row = self._db.execute("SELECT id, name FROM users WHERE id = ?", (id_,)).fetchone()
        return User(id=row[0], name=row[1]) if row else None

    def save(self, user: User, version: int = 0) -> User:
        """Write a user, unless a later version is there: a repeated write does no harm."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO users VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, "
                "version = excluded.version WHERE excluded.version >= users.version",
                (user.id, user.name, version),
            )
        return user
