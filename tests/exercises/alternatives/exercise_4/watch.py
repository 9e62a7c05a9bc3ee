from valkey import WatchError


def allow_fixed(client, key, limit, seconds):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                count = int(pipe.get(key) or 0)
                if count >= limit:
                    return False
                pipe.multi()
                pipe.set(key, count + 1, **({"keepttl": True} if count else {"ex": seconds}))
                pipe.execute()
                return True
            except WatchError:
                continue


def allow_log(client, key, limit, seconds):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                whole, part = pipe.time()
                now = whole * 1_000_000 + part
                kept = pipe.zrangebyscore(key, f"({now - seconds * 1_000_000}", "+inf")
                if len(kept) >= limit:
                    return False
                pipe.multi()
                pipe.zremrangebyscore(key, "-inf", now - seconds * 1_000_000)
                pipe.zadd(key, {uuid.uuid4().hex: now})
                pipe.pexpire(key, seconds * 1000)
                pipe.execute()
                return True
            except WatchError:
                continue


def allow_counter(client, key, limit, seconds):
    with client.pipeline() as pipe:
        while True:
            whole, part = client.time()
            number, passed = divmod(whole + part / 1_000_000, seconds)
            now, last = f"c:{{{key}}}:{int(number)}", f"c:{{{key}}}:{int(number) - 1}"
            try:
                pipe.watch(now, last)
                count, before = (int(value or 0) for value in pipe.mget(now, last))
                if before * (1 - passed / seconds) + count + 1 > limit:
                    return False
                pipe.multi()
                pipe.incr(now)
                pipe.expire(now, 2 * seconds)
                pipe.execute()
                return True
            except WatchError:
                continue


def wait_for_token(client, key, rate, burst):
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                whole, part = pipe.time()
                now = whole + part / 1_000_000
                kept = pipe.get(key)
                tokens = float(burst)
                if kept is not None:
                    there, at = (float(word) for word in kept.split())
                    tokens = min(burst, there + (now - at) * rate)
                if tokens < 1:
                    return (1 - tokens) / rate
                pipe.multi()
                pipe.set(key, f"{tokens - 1!r} {now!r}", px=int(burst / rate * 1000) + 1)
                pipe.execute()
                return 0.0
            except WatchError:
                continue


def allow_when_down(allow, when_down, local):
    match when_down:
        case "open" | "closed" | "local":
            pass
        case _:
            raise ValueError(f"{when_down}?")
    try:
        is_allowed = allow()
    except valkey.exceptions.AuthenticationError:
        raise
    except (valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError):
        return local() if when_down == "local" else when_down == "open"
    else:
        return is_allowed


import valkey


# A stream, whose ids are the server's times.
STREAM = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now - 600000 + 1))
if redis.call('XLEN', KEYS[1]) >= 5 then return 0 end
redis.call('XADD', KEYS[1], '*', 'a', '1')
redis.call('PEXPIRE', KEYS[1], 600000)
return 1
"""


def allow_export(client, user_id):
    return client.eval(STREAM, 1, f"exports:{user_id}") == 1
