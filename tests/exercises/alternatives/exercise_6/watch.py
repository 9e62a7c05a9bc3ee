from valkey import WatchError


class Kept:
    """A cache by WATCH, with a place for each entry: what it returns is done in one transaction."""

    def __init__(self, client, name):
        self.client, self.values, self.order = client, f"w:{{{name}}}:v", f"w:{{{name}}}:o"
        self.keys = (self.values, self.order)

    def read(self, key, step):
        with self.client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(*self.keys)
                    value = pipe.hget(self.values, key)
                    if value is None:
                        return None
                    score = step(pipe, key)
                    pipe.multi()
                    pipe.zadd(self.order, {key: score}, xx=True)
                    pipe.execute()
                    return value
                except WatchError:
                    continue

    def write(self, key, value, capacity, step):
        with self.client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(*self.keys)
                    victims = []
                    if pipe.zscore(self.order, key) is None and pipe.zcard(self.order) >= capacity:
                        victims = pipe.zrange(self.order, 0, 0)
                    score = step(pipe, key)
                    pipe.multi()
                    if victims:
                        pipe.zrem(self.order, *victims)
                        pipe.hdel(self.values, *victims)
                    pipe.hset(self.values, key, value)
                    pipe.zadd(self.order, {key: score})
                    pipe.execute()
                    return
                except WatchError:
                    continue

    def tick(self, pipe, _key):
        last = pipe.zrange(self.order, -1, -1, withscores=True)
        return last[0][1] + 1 if last else 1


def lru_get(client, name, key):
    kept = Kept(client, name)
    return kept.read(key, kept.tick)


def lru_set(client, name, key, value, capacity):
    kept = Kept(client, name)
    kept.write(key, value, capacity, kept.tick)


def limit_memory(client, situation, memory):
    policies = {
        "cache": "allkeys-lru",
        "favourites": "allkeys-lfu",
        "sessions": "volatile-lfu",
        "queue": "noeviction",
    }
    try:
        policy = policies[situation]
    except KeyError:
        raise ValueError(f"{situation!r} is none of {sorted(policies)}") from None
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", memory)


def measure(client, policy, memory, trace):
    client.flushall()
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", f"{memory}b")
    begun, hits = time.monotonic(), 0
    for second, key in enumerate(trace):
        time.sleep(max(0, begun + second - time.monotonic()))
        try:
            hits += client.set(f"page:{key}", PAYLOAD, nx=True, get=True) is not None
        except Exception:
            hits += client.get(f"page:{key}") is not None
    return hits / max(1, len(trace))
