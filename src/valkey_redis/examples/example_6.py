"""Example 6: caches that keep no more than they are told to, and which of them suits a workload."""

from valkey_redis import (
    FIFOCache,
    LFUCache,
    LRUCache,
    MRUCache,
    S3FIFOCache,
    SIEVECache,
    ValkeyClient,
)
from valkey_redis.examples._demo import demo_client
from valkey_redis.simulate import WORKLOADS
from valkey_redis.simulate.advice import recommend

NAMESPACE = "example6"


def one_goes(client: ValkeyClient) -> None:
    """Fill a cache of three, use one, and see who goes for the fourth."""
    for kind in (FIFOCache, LRUCache, LFUCache, MRUCache):
        cache = kind(client, "few", 3, namespace=NAMESPACE)
        for name in ("ada", "bob", "cyd"):
            cache.set(name, {"name": name})
        cache.get("ada")
        cache.set("dan", {"name": "dan"})
        there = [name for name in ("ada", "bob", "cyd", "dan") if cache.exists(name)]
        print(f"{kind.__name__:>9} keeps {', '.join(there)}")


def by_bytes_and_time(client: ValkeyClient) -> None:
    """Bound the bytes too, and let entries end: what has ended takes no room."""
    cache = LRUCache(client, "pages", 1000, namespace=NAMESPACE, max_bytes=2_000, ttl=60)
    gone = [cache.set(f"page{i}", "x" * 500) for i in range(5)]
    print(f"\nevicted at each of 5 pages: {gone}; {cache.stats().bytes} bytes are there")
    print(f"made smaller: {cache.resize(2, 2_000)} had to go, {cache.keys()} stay")


def a_job_comes_by(client: ValkeyClient) -> None:
    """Read popular keys, then a table from end to end, and see which of the popular are left."""
    print()
    for kind in (LRUCache, LFUCache, SIEVECache, S3FIFOCache):
        cache = kind(client, "scanned", 50, namespace=NAMESPACE)
        popular = [f"user:{i}" for i in range(25)]
        for key in popular * 3 + [f"row:{i}" for i in range(200)]:
            if cache.get(key) is None:
                cache.set(key, key.upper())
        left = len(cache.get_many(popular))
        stats = cache.stats()
        print(f"{kind.__name__:>11}: {left:>2} of 25 survive the scan; {stats.evictions} evictions")


def for_your_keys() -> None:
    """Ask which policy suits a list of keys; yours: make simulate TRACE=keys.txt CAPACITY=1000."""
    print()
    for name in ("loop", "scan"):
        advice = recommend(WORKLOADS[name](5_000, 42), 200)
        print(f"{name}: {advice.policy}. {advice.because[0]}")


if __name__ == "__main__":
    with demo_client() as client:
        one_goes(client)
        by_bytes_and_time(client)
        a_job_comes_by(client)
        for_your_keys()
        client.delete(*client.scan(f"{NAMESPACE}*"))
