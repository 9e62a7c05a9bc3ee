STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1
"""


def get_or_refresh(client, key, load, fresh, stale, lease):
    stored, before = client.mget(key, f"{key}:version")
    old = None if stored is None else json.loads(stored)
    if old is not None and time.time() < old["fresh_until"]:
        return old["value"]
    token = uuid.uuid4().hex
    is_mine = client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000))
    if old is not None and not is_mine:
        return old["value"]
    try:
        value = load()
    except Exception:
        client.eval(RELEASE, 1, f"{key}:lease", token)
        if old is None:
            raise
        return old["value"]
    envelope = json.dumps({"value": value, "fresh_until": time.time() + fresh})
    lifetime = int((fresh + stale) * 1000)
    client.eval(STORE, 2, key, f"{key}:version", before or "", envelope, lifetime)
    client.eval(RELEASE, 1, f"{key}:lease", token)
    return value


def forget(client, key):
    pipe = client.pipeline(transaction=True)
    pipe.delete(key)
    pipe.incr(f"{key}:version")
    pipe.expire(f"{key}:version", 86_400)
    pipe.execute()
