import uuid

# The lock is a hash of token and fence. The last fence is kept for a day; after that, and after
# a loss of all keys, the server's time is over all that went before.
TAKE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2])) or 0
local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], fence, 'EX', 86400)
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fence', fence)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return fence
"""
FREE = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
"""
LONGER = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
WRITE = """
local last = redis.call('HGET', KEYS[1], 'fence')
if last and tonumber(last) >= tonumber(ARGV[1]) then return 0 end
return redis.call('HMSET', KEYS[1], 'fence', ARGV[1], 'text', ARGV[2])
"""


def acquire_fenced(client, name, seconds):
    token = uuid.uuid4().hex
    keys = [f"{{{name}}}:lock", f"{{{name}}}:last"]
    fence = client.eval(TAKE, 2, *keys, token, int(seconds * 1000))
    return None if fence is None else (token, int(fence))


def acquire(client, name, seconds):
    taken = acquire_fenced(client, name, seconds)
    return taken and taken[0]


def release(client, name, token):
    return client.eval(FREE, 1, f"{{{name}}}:lock", token) == 1


@contextmanager
def held(client, name, seconds):
    token = acquire(client, name, seconds)
    if token is None:
        raise LockTakenError
    try:
        yield token
    except BaseException:
        release(client, name, token)
        raise
    if not release(client, name, token):
        raise LeaseLostError


def acquire_within(client, name, seconds, patience):
    began = time.monotonic()
    token = acquire(client, name, seconds)
    while token is None and time.monotonic() - began < patience:
        time.sleep(PAUSE)
        token = acquire(client, name, seconds)
    return token


def extend(client, name, token, seconds):
    return client.eval(LONGER, 1, f"{{{name}}}:lock", token, int(seconds * 1000)) == 1


def save(client, key, fence, text):
    return bool(client.eval(WRITE, 1, key, fence, text))


def compute_and_save(client, name, key, seconds, compute):
    taken = acquire_fenced(client, name, seconds)
    if taken is None:
        return False
    try:
        text = compute()
        return save(client, key, taken[1], text)
    finally:
        release(client, name, taken[0])


def claim(client, order, worker):
    owner = client.set(f"order:{order}", worker, nx=True, get=True, ex=CLAIM_SECONDS)
    return owner in {None, worker}
