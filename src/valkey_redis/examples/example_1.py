"""Example 1: basic operations. Every value expires, every step is atomic, few round trips."""

from valkey_redis import Keys, ValkeyClient
from valkey_redis.examples._demo import demo_client

KEYS = Keys("example1")


def values_that_expire(client: ValkeyClient) -> None:
    """Store a JSON value that the server forgets on its own."""
    key = KEYS.key("user", 7)
    client.set(key, {"name": "Ada", "langs": ["en", "no"]}, ex=60)
    print(f"{key} holds {client.get(key)} and expires in {client.ttl(key):.0f} s")
    client.set(key, {"name": "Ada Lovelace"})
    print(f"a plain set() takes the expiry away: ttl is now {client.ttl(key)}")


def counters_that_end(client: ValkeyClient) -> None:
    """Count in one atomic step that also sets the expiry, on the first use only."""
    key = KEYS.key("visits", "home")
    counts = [client.incr(key, ex=60) for _ in range(3)]
    client.expire(key, 10)  # as if 50 seconds had passed
    counts.append(client.incr(key, ex=60))
    print(f"visits: {counts}; the window still ends in {client.ttl(key):.0f} s")


def one_round_trip(client: ValkeyClient) -> None:
    """Send several commands together: the network is slower than the server."""
    pipe = client.pipeline()
    for product, cents in {"lamp": 1999, "pen": 120, "sofa": 89900}.items():
        pipe.set(KEYS.key("price", product), cents, ex=60)
    pipe.execute()
    prices = client.pipeline()
    for product in ("lamp", "pen", "table"):
        prices.get(KEYS.key("price", product))
    print(f"lamp, pen, table cost {prices.execute()} (None: not stored)")


def data_types(client: ValkeyClient) -> None:
    """Use the server's own data types through the driver's client, `client.raw`."""
    board = KEYS.key("board", "chess")
    pipe = client.raw.pipeline(transaction=False)
    pipe.zadd(board, {"ada": 50, "bo": 40, "cy": 30})
    pipe.expire(board, 60)
    pipe.zrevrange(board, 0, 1, withscores=True)
    print(f"the leaderboard's first page: {pipe.execute()[-1]}")


def clean_up(client: ValkeyClient) -> None:
    """Delete by prefix with SCAN, in small steps: KEYS would block every other client."""
    keys = set(client.scan(KEYS.prefix()))
    print(f"deleted {client.delete(*keys)} keys: {', '.join(sorted(keys))}")


if __name__ == "__main__":
    with demo_client() as client:
        values_that_expire(client)
        counters_that_end(client)
        one_round_trip(client)
        data_types(client)
        clean_up(client)
