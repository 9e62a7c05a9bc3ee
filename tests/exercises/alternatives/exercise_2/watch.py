from valkey import WatchError


def read_price(client, prices, product, seconds):
    stored = client.hget(f"p:{product}", "cents")
    if stored is not None:
        return int(stored)
    row = prices.read(product)
    if row is None:
        return None
    _keep_if_newer(client, product, row[0], row[1], seconds)
    return row[1]


def save_price(client, prices, product, cents, seconds):
    version = prices.write(product, cents)
    _keep_if_newer(client, product, version, cents, seconds)


def _keep_if_newer(client, product, version, cents, seconds):
    key = f"p:{product}"
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(key)
                if int(pipe.hget(key, "version") or 0) >= version:
                    return
                pipe.multi()
                pipe.hset(key, mapping={"version": version, "cents": cents})
                pipe.expire(key, seconds)
                pipe.execute()
                return
            except WatchError:
                continue


def write_out(client, prices, worker):
    # No group: one worker needs none. What is written is deleted by its own id.
    written = 0
    while entries := client.xrange(STREAM, count=50):
        for entry_id, note in entries:
            prices.write(note["product"], int(note["cents"]))
            client.xdel(STREAM, entry_id)
            written += 1
    return written


def load_once(client, key, load, seconds, lease, patience):
    token = str(uuid.uuid4())
    end = time.time() + patience
    while True:
        stored = client.get(key)
        if stored is not None:
            return stored
        if time.time() > end:
            value = load()
            client.set(key, value, ex=seconds)
            return value
        if client.set("lock/" + key, token, nx=True, px=round(lease * 1000)):
            break
        time.sleep(PAUSE)
    try:
        stored = client.get(key)
        if stored is not None:
            return stored
        value = load()
        client.set(key, value, ex=seconds)
        return value
    finally:
        with client.pipeline() as pipe:
            pipe.watch("lock/" + key)
            if pipe.get("lock/" + key) == token:
                pipe.multi()
                pipe.delete("lock/" + key)
                with suppress(WatchError):
                    pipe.execute()


def get_early(client, key, load, seconds, draw):
    pipe = client.pipeline(transaction=True)
    (value, cost), left = pipe.hmget(key, "value", "cost").pttl(key).execute()
    if value is not None and left / 1000 > float(cost) * -math.log(draw):
        return value
    began = time.perf_counter()
    value = load()
    pipe.hset(key, mapping={"value": value, "cost": time.perf_counter() - began})
    pipe.pexpire(key, int(seconds * 1000))
    pipe.execute()
    return value


def get_product(client, table, product_id):
    key, version = f"product:{product_id}", f"product:{product_id}:version"
    with client.pipeline() as pipe:
        pipe.watch(version)
        cached = pipe.get(key)
        if cached is not None:
            return cached
        text = table.read(product_id)
        if text is not None:
            pipe.multi()
            pipe.set(key, text, ex=3600)
            with suppress(WatchError):  # it was changed meanwhile: what was read is not stored
                pipe.execute()
        return text


def change_product(client, table, product_id, text):
    table.write(product_id, text)
    pipe = client.pipeline(transaction=True)
    pipe.delete(f"product:{product_id}")
    pipe.set(f"product:{product_id}:version", uuid.uuid4().hex, ex=3600)
    pipe.execute()
