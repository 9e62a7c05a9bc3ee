"""Example 2: caching patterns, in front of a database that is slow, and sometimes down."""

import time
from concurrent.futures import ThreadPoolExecutor

from valkey_redis import Cache, ModelStore, ValkeyClient, Write, WriteBehind, cached
from valkey_redis.examples._demo import demo_client
from valkey_redis.examples._users import User, Users


def cache_aside(cache: Cache, users: Users) -> None:
    """Read through the cache; forget on every write."""

    @cached(ttl=60, key_prefix="user", cache=cache)
    def user(id_: int) -> User | None:
        return users.load(id_)

    users.save(User(id=7, name="Ada"))
    print(f"cache-aside: {user(7)}, {user(7)}, nobody: {user(8)}, {user(8)}", end="; ")
    users.save(User(id=7, name="Ada Lovelace"))
    user.invalidate(7)  # after the write: before it, a reader could store the old row again
    print(f"after the update: {user(7)}; {users.queries} queries")


def stampede(cache: Cache, users: Users) -> None:
    """Let 50 callers find the key cold at once: one of them asks the database."""
    before = users.queries
    with ThreadPoolExecutor(50) as pool:
        for _ in range(50):
            pool.submit(cache.get_or_set, "front page", lambda: users.load(7) is not None)
    print(f"stampede: 50 callers, {users.queries - before} query")


def stale_while_down(cache: Cache, users: Users) -> None:
    """Serve the old value while the database is down, and refresh when it is back."""
    cache.get_or_set("weather", lambda: "sun", ttl=0.001, stale_ttl=60)
    time.sleep(0.01)
    users.is_down = True
    answer = cache.get_or_set("weather", lambda: str(users.load(7)), stale_ttl=60)
    users.is_down = False
    print(f"the database is down, and the answer is {answer!r}")


def tags(cache: Cache) -> None:
    """Forget many values in one step."""
    for name in ("lamp", "pen"):
        cache.set(f"price:{name}", 1, tags=["prices"])
    cache.invalidate_tags("prices")
    print(f"after one step, prices: {cache.get_many(['price:lamp', 'price:pen'])}")


def typed(client: ValkeyClient) -> None:
    """Keep models under a schema version: what an older program wrote is migrated, not misread."""
    ModelStore(dict[str, str], client, prefix="example2.people", default_ttl=60).set(
        1, {"nick": "ada"}
    )
    people = ModelStore(
        User,
        client,
        prefix="example2.people",
        default_ttl=60,
        schema_version=2,
        migrations={1: lambda old: {"id": 1, "name": old["nick"].title()}},
    )
    print(f"stored by version 1, read by version 2: {people.get(1)}")


def write_behind(client: ValkeyClient, users: Users) -> None:
    """Answer at once, write later; acknowledged only when the database has it."""
    queue = WriteBehind(client, "example2:writes")
    for name in ("Bo", "Bob"):
        queue.put("user:9", {"id": 9, "name": name})

    def write(batch: list[Write]) -> None:
        for item in batch:
            users.save(User(**item.value), item.version)

    waiting = queue.backlog()
    queue.drain(write)
    print(f"write-behind: {waiting} writes waited, {queue.backlog()} wait now: {users.load(9)}")


def near_cache(client: ValkeyClient) -> None:
    """Tell every process that keeps copies of its own when one of them is out of date."""
    copies = {"price:lamp": 1999}  # in this process; others have theirs
    with client.pubsub("example2:changed") as messages:
        client.publish("example2:changed", "price:lamp")  # by whoever wrote the price
        if message := messages.get(timeout=1):
            copies.pop(message.value)
    print(f"told by pub/sub, the process forgot its copy: {copies}")


if __name__ == "__main__":
    with demo_client() as client:
        cache, users = Cache(client, namespace="example2", ttl=60), Users()
        cache_aside(cache, users)
        stampede(cache, users)
        stale_while_down(cache, users)
        tags(cache)
        typed(client)
        write_behind(client, users)
        near_cache(client)
        cache.close()
        client.delete(*client.scan("example2*"))
