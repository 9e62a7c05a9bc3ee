import uuid


# No scripts: WATCH and MULTI. When a session ends in any case is a key of its own.
def places(session_id):
    name = hashlib.sha256(session_id.encode()).hexdigest()
    return f"fields/{name}", f"end/{name}"


def create_session(client, user_id, data, *, idle, longest):
    session_id = uuid.uuid4().hex + uuid.uuid4().hex
    fields, end = places(session_id)
    ends = client.time()[0] + longest
    pipe = client.pipeline(transaction=True)
    pipe.hset(fields, mapping={**data, "user": user_id})
    pipe.expire(fields, min(idle, longest))
    pipe.set(end, ends, ex=longest)
    note(pipe, user_id, fields, ends)
    pipe.execute()
    return session_id


def note(pipe, user_id, fields, ends):
    pipe.zadd(f"user/{user_id}", {fields: ends})
    pipe.expireat(f"user/{user_id}", int(ends) + 1, nx=True)
    pipe.expireat(f"user/{user_id}", int(ends) + 1, gt=True)


def read_session(client, session_id):
    return client.hgetall(places(session_id)[0]) or None


def use_session(client, session_id, idle):
    fields, end = places(session_id)
    pipe = client.pipeline(transaction=True)
    found, left, most = pipe.hgetall(fields).ttl(fields).ttl(end).execute()
    if 0 <= left < idle / 2:
        client.expire(fields, max(min(idle, most), 0), gt=True)
    return found or None


def log_in(client, session_id, user_id):
    new_id = uuid.uuid4().hex + uuid.uuid4().hex
    (old, old_end), (new, new_end) = places(session_id), places(new_id)
    while True:
        with client.pipeline() as pipe:
            pipe.watch(old, old_end)
            ends = pipe.get(old_end)
            if not pipe.exists(old) or ends is None:
                return None
            pipe.multi()
            pipe.rename(old, new)
            pipe.rename(old_end, new_end)
            pipe.hset(new, "user", user_id)
            note(pipe, user_id, new, float(ends))
            try:
                pipe.execute()
            except WatchError:
                continue
            return new_id


def change(client, session_id, changes):
    fields, _ = places(session_id)
    while True:
        with client.pipeline() as pipe:
            pipe.watch(fields)
            if not pipe.exists(fields):
                return False
            pipe.multi()
            pipe.hset(fields, mapping=changes)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True


def set_field(client, session_id, field, value):
    return change(client, session_id, {field: value})


def log_out(client, session_id):
    client.delete(*places(session_id))


def list_sessions(client, user_id):
    keys = client.zrange(f"user/{user_id}", 0, -1)
    found = [(key, client.hgetall(key)) for key in keys]
    for key, fields in found:
        if not fields:
            client.zrem(f"user/{user_id}", key)
    return [fields for _, fields in found if fields]


def log_out_everywhere(client, user_id, but=None):
    index, kept = f"user/{user_id}", places(but)[0] if but else None

    def end(pipe):
        keys = [key for key in pipe.zrange(index, 0, -1) if key != kept]
        pipe.multi()
        for key in keys:
            pipe.delete(key)
            pipe.zrem(index, key)

    return sum(client.transaction(end, index)[::2])


def open_request(client, cookie):
    fields = use_session(client, cookie, 1800) if cookie else None
    if fields:
        return cookie, fields
    return create_session(client, "", {}, idle=1800, longest=86400), {"user": ""}


def close_request(client, session_id, before, after):
    changed = {name: text for name, text in after.items() if text != before.get(name)}
    if changed:
        change(client, session_id, changed)


def end_session(client, session_id):
    log_out(client, session_id)
