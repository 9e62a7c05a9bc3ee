# One script for all policies, called by its digest; the order's highest score is the counter.
ANY = """
local values, order, how, key = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')[2] or 0
local there = redis.call('ZSCORE', order, key)
if ARGV[3] then
  if not there and redis.call('ZCARD', order) >= tonumber(ARGV[4]) then
    local at = how == 'mru' and -1 or 0
    local victim = redis.call('ZRANGE', order, at, at)[1]
    redis.call('ZREM', order, victim)
    redis.call('HDEL', values, victim)
  end
  redis.call('HSET', values, key, ARGV[3])
elseif not there then
  return false
end
redis.call('ZADD', order, last + 1, key)
return redis.call('HGET', values, key)
"""


def lru_get(client, name, key):
    return client.register_script(ANY)(keys=[f"{{{name}}}v", f"{{{name}}}o"], args=["lru", key])


def lru_set(client, name, key, value, capacity):
    keys = [f"{{{name}}}v", f"{{{name}}}o"]
    client.register_script(ANY)(keys=keys, args=["lru", key, value, capacity])


def mru_get(client, name, key):
    return client.register_script(ANY)(keys=[f"{{m{name}}}v", f"{{m{name}}}o"], args=["mru", key])


def mru_set(client, name, key, value, capacity):
    keys = [f"{{m{name}}}v", f"{{m{name}}}o"]
    client.register_script(ANY)(keys=keys, args=["mru", key, value, capacity])


# The member begins with the number of who came, in figures of one length: ties go by that.
LFU = """
local number = redis.call('HGET', KEYS[1], 'n:' .. ARGV[1])
local function member(n) return string.format('%015d', n) .. ':' .. ARGV[1] end
if ARGV[2] then
  if not number then
    if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
      local victim = string.sub(redis.call('ZPOPMIN', KEYS[2])[1], 17)
      redis.call('HDEL', KEYS[1], 'n:' .. victim, 'v:' .. victim)
    end
    number = redis.call('HINCRBY', KEYS[1], 'count', 1)
    redis.call('HSET', KEYS[1], 'n:' .. ARGV[1], number)
  end
  redis.call('HSET', KEYS[1], 'v:' .. ARGV[1], ARGV[2])
elseif not number then
  return false
end
redis.call('ZINCRBY', KEYS[2], 1, member(number))
return redis.call('HGET', KEYS[1], 'v:' .. ARGV[1])
"""


def lfu_get(client, name, key):
    return client.eval(LFU, 2, f"lfu{{{name}}}", f"lfu-order{{{name}}}", key)


def lfu_set(client, name, key, value, capacity):
    client.eval(LFU, 2, f"lfu{{{name}}}", f"lfu-order{{{name}}}", key, value, capacity)


# Fields that expire by themselves; the order is cleared of what is gone when it is full.
FIELDS = """
if ARGV[2] then
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
    redis.call('ZREM', KEYS[2], ARGV[1])
    if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
      for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
        if redis.call('HEXISTS', KEYS[1], key) == 0 then redis.call('ZREM', KEYS[2], key) end
      end
    end
    if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then
      redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
    end
  end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HPEXPIRE', KEYS[1], ARGV[4], 'FIELDS', 1, ARGV[1])
end
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1]) end
return value
"""


def ttl_get(client, name, key):
    keys = [f"{part}:{{{name}}}" for part in "vou"]
    return client.eval(FIELDS, 3, *keys, key)


def ttl_set(client, name, key, value, *, seconds, capacity):
    keys = [f"{part}:{{{name}}}" for part in "vou"]
    client.eval(FIELDS, 3, *keys, key, value, capacity, math.ceil(seconds * 1000))


import math


def limit_memory(client, situation, memory):
    match situation:
        case "cache":
            policy = "allkeys-lfu"
        case "favourites":
            policy = "allkeys-lfu"
        case "sessions":
            policy = "volatile-ttl"
        case "queue":
            policy = "noeviction"
        case _:
            raise ValueError(situation)
    pipe = client.pipeline(transaction=True)
    pipe.config_set("maxmemory", memory)
    pipe.config_set("maxmemory-policy", policy)
    pipe.execute()


# By playing LRU, and by halves: more room never has fewer hits.
def smallest_capacity(trace, wanted):
    if not (wanted > 0 and wanted <= 1):
        raise ValueError("wanted")
    if not trace:
        return None

    def ratio(capacity):
        cache, hits = {}, 0
        for key in trace:
            if key in cache:
                hits += 1
                del cache[key]
            elif len(cache) == capacity:
                del cache[next(iter(cache))]
            cache[key] = True
        return hits / len(trace)

    low, high = 1, len(set(trace))
    if ratio(high) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        if ratio(middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


def cached_page(client, url, render):
    html = lru_get(client, "pages", url)
    if html is None:
        html = render(url)
        lru_set(client, "pages", url, html, PAGES)
    return html
