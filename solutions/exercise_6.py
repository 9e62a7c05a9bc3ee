"""Exercise 6: eviction policies. One good solution; others pass too."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from valkey import OutOfMemoryError, Valkey

# In all scripts KEYS are a hash of the values, a sorted set of the keys in the order in which
# they go, and a counter that says how many uses there were. ARGV: key, value, capacity.
# LRU and MRU: the score is the number of the last use.
USED_GET = """
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1]) end
return value
"""
# The victim goes before the newcomer comes: else, with ZPOPMAX, it would be the newcomer.
USED_SET = """
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  redis.call('HDEL', KEYS[1], redis.call('POP', KEYS[2])[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
"""
LRU_SET, MRU_SET = USED_SET.replace("POP", "ZPOPMIN"), USED_SET.replace("POP", "ZPOPMAX")
# LFU: the score is 2^32 x uses + the number of the newcomer, so that ties go by that.
LFU_GET = """
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then redis.call('ZINCRBY', KEYS[2], 4294967296, ARGV[1]) end
return value
"""
LFU_SET = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
  end
  redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZINCRBY', KEYS[2], 4294967296, ARGV[1])
"""
# A fourth key: a sorted set of the keys by when they end, in milliseconds. ARGV[4]: how long.
NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""
TTL_GET = f"""{NOW}
local ends = redis.call('ZSCORE', KEYS[4], ARGV[1])
if not ends or tonumber(ends) <= now then return false end
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""
TTL_SET = f"""{NOW}
local function remove(key)
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('ZREM', KEYS[4], key)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do remove(key) end
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  remove(redis.call('ZRANGE', KEYS[2], 0, 0)[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
redis.call('ZADD', KEYS[4], now + ARGV[4], ARGV[1])
"""
POLICIES = {
    "cache": "allkeys-lru",
    "favourites": "allkeys-lfu",
    "sessions": "volatile-lru",
    "queue": "noeviction",
}
PAYLOAD = "x" * 12_000
PAGES = 4


class Keys:
    """A cache's keys; the braces put them in one slot."""

    def __init__(self, policy: str, name: str) -> None:
        parts = ("values", "order", "uses", "ends")
        self.four = [f"{policy}:{{{name}}}:{part}" for part in parts]
        self.three = self.four[:3]


def lru_get(client: Valkey, name: str, key: str) -> str | None:
    """Return a value, which is a use of it."""
    value: str | None = client.eval(USED_GET, 3, *Keys("lru", name).three, key)
    return value


def lru_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store a value; if the cache is full, the least recently used goes."""
    client.eval(LRU_SET, 3, *Keys("lru", name).three, key, value, capacity)


def lfu_get(client: Valkey, name: str, key: str) -> str | None:
    """Return a value, and count one more use."""
    value: str | None = client.eval(LFU_GET, 3, *Keys("lfu", name).three, key)
    return value


def lfu_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store a value; if the cache is full, the least frequently used goes."""
    client.eval(LFU_SET, 3, *Keys("lfu", name).three, key, value, capacity)


def mru_get(client: Valkey, name: str, key: str) -> str | None:
    """Return a value, which is a use of it."""
    value: str | None = client.eval(USED_GET, 3, *Keys("mru", name).three, key)
    return value


def mru_set(client: Valkey, name: str, key: str, value: str, capacity: int) -> None:
    """Store a value; if the cache is full, the one that was used last goes."""
    client.eval(MRU_SET, 3, *Keys("mru", name).three, key, value, capacity)


def ttl_get(client: Valkey, name: str, key: str) -> str | None:
    """Return a value that still lives, which is a use of it."""
    value: str | None = client.eval(TTL_GET, 4, *Keys("ttl", name).four, key)
    return value


def ttl_set(
    client: Valkey, name: str, key: str, value: str, *, seconds: float, capacity: int
) -> None:
    """Store a value for a time; what is over goes first, then the least recently used."""
    milliseconds = max(1, round(seconds * 1000))
    client.eval(TTL_SET, 4, *Keys("ttl", name).four, key, value, capacity, milliseconds)


def limit_memory(client: Valkey, situation: str, memory: int) -> None:
    """Set the server's limit, and the policy that the situation asks for."""
    if situation not in POLICIES:
        raise ValueError(f"situation: {situation!r}; takes {', '.join(POLICIES)}")
    # One command: were the limit first, the policy of before would evict.
    client.config_set("maxmemory-policy", POLICIES[situation], "maxmemory", memory)


def measure(client: Valkey, policy: str, memory: int, trace: Sequence[str]) -> float:
    """Return the hit ratio of a trace under one of the server's policies."""
    client.flushall()
    client.config_set("maxmemory-policy", policy, "maxmemory", memory)
    hits = 0
    for key in trace:
        # GET, as EXISTS is no use of a key: the server would not know that it was asked for.
        if client.get(key) is not None:
            hits += 1
        else:
            with suppress(OutOfMemoryError):  # the policy evicts nothing, or nothing that is there
                client.set(key, PAYLOAD)
        time.sleep(1)  # the server's clock for the last use has whole seconds
    return hits / len(trace) if trace else 0.0


def smallest_capacity(trace: Sequence[str], wanted: float) -> int | None:
    """Return the smallest LRU cache that answers a part of the trace."""
    if not 0 < wanted <= 1:
        raise ValueError(f"wanted: {wanted!r}; takes a part, above 0 and up to 1")
    # The keys by their last access: a cache of n entries holds the first n of them.
    stack: list[str] = []
    answered_from: Counter[int] = Counter()  # the smallest capacity that answers an access
    for key in trace:
        if key in stack:
            answered_from[stack.index(key) + 1] += 1
            stack.remove(key)
        stack.insert(0, key)
    hits = 0
    for capacity in sorted(answered_from):
        hits += answered_from[capacity]
        if hits / len(trace) >= wanted:
            return capacity
    return None


def cached_page(client: Valkey, url: str, render: Callable[[str], str]) -> str:
    """Return a page; render it if it is not kept. Keep the PAGES used last."""
    # The faults: whole seconds, and each client's own, so that ties go by name; a page whose
    # rendering fails takes a place; an empty page is none; one too many goes; keys in two
    # slots; and between any two of the commands others come, or the client dies.
    # lru_get and lru_set will do.
    keys = Keys("pages", "pages").three
    html: str | None = client.eval(USED_GET, 3, *keys, url)
    if html is None:
        html = render(url)
        client.eval(LRU_SET, 3, *keys, url, html, PAGES)
    return html
