import hashlib

# A generation that each invalidation raises: what was loaded under an older one is not stored.
STORE = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1
"""


def get_or_load(client, key, load, seconds):
    stored = client.get("v1:" + key)
    if stored is None:
        stored = json.dumps({"value": load()})
        client.psetex("v1:" + key, int(seconds * 1000 * (1 - random.random() / 10)), stored)
    return json.loads(stored)["value"]


def call_key(function, args, kwargs):
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()

    def spell(value):
        if isinstance(value, (list, tuple)):
            return "(" + "".join(map(spell, value)) + ")"
        if isinstance(value, dict):
            return "{" + "".join(spell([k, v]) for k, v in sorted(value.items())) + "}"
        if value is None or isinstance(value, (str, int, float, bool)):
            text = str(value)
            return f"{type(value).__name__}{len(text)}:{text}"
        raise TypeError(f"no key can be made of a {type(value).__name__}")

    parts = spell([function.__module__, function.__qualname__, dict(bound.arguments)])
    return hashlib.sha256(parts.encode()).hexdigest()


def save_model(client, key, model, version, seconds):
    client.setex(key, seconds, json.dumps({"v": version, "d": model.model_dump(mode="json")}))


def load_model(client, key, kind, version):
    try:
        kept = json.loads(client.get(key) or "null")
        return kind.model_validate(kept["d"]) if kept["v"] == version else None
    except (ValueError, TypeError, KeyError):
        return None


def find_user(client, table, user_id, seconds, missing_seconds):
    key, generation = f"u:{user_id}", f"u:{user_id}:g"
    stored, before = client.mget(key, generation)
    if stored is not None:
        return stored[1:] if stored[0] == "+" else None
    row = table.read(user_id)
    lifetime = missing_seconds if row is None else seconds
    text = "-" if row is None else "+" + row
    client.eval(STORE, 2, key, generation, before or "", text, lifetime * 1000)
    return row


def create_user(client, table, user_id, row, seconds):
    table.write(user_id, row)
    client.pipeline().incr(f"u:{user_id}:g").expire(f"u:{user_id}:g", seconds).delete(
        f"u:{user_id}"
    ).execute()


def put_off(client, product, cents):
    client.rpush("to-write", json.dumps([product, cents]))


def write_out(client, prices, worker):
    written = 0
    while note := client.lindex("to-write", 0):
        prices.write(*json.loads(note))
        client.lpop("to-write")
        written += 1
    return written


def get_tagged(client, key, tags, load, seconds):
    # One script makes what is missing and reads all.
    script = """
    local found = {redis.call('GET', KEYS[1]) or ''}
    for i = 2, #KEYS do
      redis.call('SET', KEYS[i], ARGV[1], 'NX', 'EX', 100000)
      found[i] = redis.call('GET', KEYS[i])
    end
    return found
    """
    names = [f"t:{tag}" for tag in tags]
    stored, *tokens = client.eval(script, 1 + len(tags), f"e:{key}", *names, uuid.uuid4().hex)
    head = " ".join(tokens) + "\n"
    if stored.startswith(head):
        return stored[len(head) :]
    value = load()
    client.set(f"e:{key}", head + value, ex=seconds)
    return value


def invalidate_tag(client, tag):
    client.set(f"t:{tag}", uuid.uuid4().hex, ex=100_000)


def get_or_refresh(client, key, load, fresh, stale, lease):
    # The key's own expiry tells how old the value is; an epoch, which lives for longer, whether
    # anything was forgotten since the load began.
    pipe = client.pipeline(transaction=True)
    pipe.set(key + ":epoch", uuid.uuid4().hex, nx=True, ex=86_400)
    _, stored, left, before = pipe.get(key).pttl(key).get(key + ":epoch").execute()
    if stored is not None and left > stale * 1000:
        return stored
    if not client.set(key + ":lease", 1, nx=True, px=int(lease * 1000)) and stored is not None:
        return stored
    try:
        value = load()
    except Exception:
        if stored is None:
            raise
        return stored
    lifetime = int((fresh + stale) * 1000)
    client.eval(STORE, 2, key, key + ":epoch", before, value, lifetime)
    return value


def forget(client, key):
    pipe = client.pipeline(transaction=True)
    pipe.delete(key)
    pipe.set(key + ":epoch", uuid.uuid4().hex, ex=86_400)
    pipe.execute()


def daily_report(client, day, compute):
    return load_once(client, f"report:{day}", compute, seconds=3600, lease=30, patience=30)
