"""Users: cache-aside reads, and writes that invalidate."""

import time
from collections import OrderedDict

from valkey_redis.cache import AsyncCache
from valkey_redis.examples.service.database import Database
from valkey_redis.examples.service.models import Account, Preferences, Profile, SignUp
from valkey_redis.observability import Observer
from valkey_redis.store import AsyncModelStore


class Users:
    """The users, and what is cached of them."""

    def __init__(
        self,
        database: Database,
        cache: AsyncCache,
        nearby: "Nearby",
        preferences: AsyncModelStore[Preferences],
    ) -> None:
        self._database, self._cache, self._nearby = database, cache, nearby
        self.preferences = preferences

    async def profile(self, id_: int) -> Profile | None:
        """Return what everybody may see: one round trip to the cache, seldom a query.

        That there is no such user is cached too, or whoever asks for such ids asks the database.
        """
        if self._is_cache_away() and id_ in self._nearby:
            return self._nearby.get(id_)
        as_of = self._nearby.changes
        profile: Profile | None = await self._cache.get_or_set(
            f"profile:{id_}", lambda: self._load(id_)
        )
        if self._is_cache_away() and as_of == self._nearby.changes:
            self._nearby.keep(id_, profile)
        return profile

    async def account(self, id_: int) -> Account | None:
        """Return what the user sees; not cached, as it is read seldom and is nobody else's business."""
        row = await self._database.run(
            "account",
            lambda db: db.execute(
                "SELECT id, name, email FROM users WHERE id = ?", (id_,)
            ).fetchone(),
        )
        return row and Account(id=row[0], name=row[1], email=row[2])

    async def add(self, new: SignUp, password: str) -> Account:
        """Store a new user; sqlite3.IntegrityError if the address is taken."""
        id_ = await self._database.run(
            "add",
            lambda db: (
                db.execute(
                    "INSERT INTO users (email, name, password) VALUES (?, ?, ?)",
                    (new.email, new.name, password),
                ).lastrowid
            ),
        )
        assert id_ is not None  # noqa: S101 - it was inserted
        await self._forget(id_)  # that there was nobody
        return Account(id=id_, name=new.name, email=new.email)

    async def password(self, email: str) -> tuple[int, str] | None:
        """Return an account's id and its password's hash: never cached."""
        row: tuple[int, str] | None = await self._database.run(
            "password",
            lambda db: db.execute(
                "SELECT id, password FROM users WHERE email = ?", (email,)
            ).fetchone(),
        )
        return row

    async def rename(self, id_: int, name: str) -> None:
        """Write, then invalidate: the other way round, a reader between would cache the old name."""
        await self._database.run(
            "rename", lambda db: db.execute("UPDATE users SET name = ? WHERE id = ?", (name, id_))
        )
        await self._forget(id_)

    async def delete(self, id_: int) -> None:
        """Delete the user, and what is remembered of them."""
        await self._database.run(
            "delete", lambda db: db.execute("DELETE FROM users WHERE id = ?", (id_,))
        )
        await self._forget(id_)
        await self.preferences.delete(id_)

    async def _forget(self, id_: int) -> None:
        self._nearby.forget(id_)
        # If the server is away, it is told as soon as it is back, before it is asked anything.
        await self._cache.invalidate(f"profile:{id_}")

    def _is_cache_away(self) -> bool:
        return not self._cache.client.breakers.are_closed or self._nearby.is_needed

    async def _load(self, id_: int) -> Profile | None:
        row = await self._database.run(
            "profile",
            lambda db: db.execute("SELECT id, name FROM users WHERE id = ?", (id_,)).fetchone(),
        )
        return row and Profile(id=row[0], name=row[1])


class Nearby(Observer):
    """The profiles of the last moment, in this process: they spare the database in an outage.

    Then each read would be a load. It stands before the cache, not behind: what it holds may be
    older than another process's write, and must not be stored. It is not for better days, since
    such a write is not seen here for as long as a profile is kept.
    """

    KEPT, MOST = 1.0, 1_000  # seconds, profiles

    def __init__(self) -> None:
        self.changes = 0  # by this process: what was read before one may be older
        self._needed_until = 0.0
        self._kept: OrderedDict[int, tuple[float, Profile | None]] = OrderedDict()

    @property
    def is_needed(self) -> bool:
        """Whether the cache failed a moment ago, say for want of memory: a breaker does not open for that."""
        return time.monotonic() < self._needed_until

    def on_cache(self, namespace: str, event: str, seconds: float, times: int) -> None:  # noqa: ARG002 - the hook's
        """Be told what the cache does."""
        if event == "error":
            self._needed_until = time.monotonic() + self.KEPT

    def __contains__(self, id_: int) -> bool:
        return id_ in self._kept and time.monotonic() < self._kept[id_][0]

    def get(self, id_: int) -> Profile | None:
        """Return what is kept."""
        return self._kept[id_][1]

    def keep(self, id_: int, profile: Profile | None) -> None:
        """Keep it for a moment, and throw out the oldest if there are too many."""
        self._kept.pop(id_, None)
        self._kept[id_] = (time.monotonic() + self.KEPT, profile)
        if len(self._kept) > self.MOST:
            self._kept.popitem(last=False)

    def forget(self, id_: int) -> None:
        """Forget it, and keep nothing of what is being read at this moment."""
        self.changes += 1
        self._kept.pop(id_, None)
