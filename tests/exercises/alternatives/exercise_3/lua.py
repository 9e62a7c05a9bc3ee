import json


# One text of JSON for each session; a user's sessions are a sorted set, by their absolute end.
def place_of(session_id):
    return "s:" + hashlib.sha512(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def list_of(user_id):
    return "of:" + user_id


def create_session(client, user_id, data, *, idle, longest):
    session_id = secrets.token_hex(32)
    script = """
    local now = tonumber(redis.call('TIME')[1])
    local ends = now + ARGV[3]
    redis.call('SET', KEYS[1], ends .. ' ' .. ARGV[1], 'EX', math.min(ARGV[2], ARGV[3]))
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 1)
    redis.call('ZADD', KEYS[2], ends, KEYS[1])
    local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
    redis.call('EXPIREAT', KEYS[2], last)
    """
    text = json.dumps({**data, "user": user_id})
    client.eval(script, 2, place_of(session_id), list_of(user_id), text, idle, longest)
    return session_id


def parsed(stored):
    return json.loads(stored.partition(" ")[2]) if stored else None


def read_session(client, session_id):
    return parsed(client.get(place_of(session_id)))


def use_session(client, session_id, idle):
    script = """
    local stored = redis.call('GET', KEYS[1])
    if not stored then return false end
    local ends = tonumber(string.match(stored, '^%d+'))
    local left, now = redis.call('PTTL', KEYS[1]), redis.call('TIME')[1]
    if left * 2 < ARGV[1] * 1000 then
        redis.call('EXPIREAT', KEYS[1], math.min(now + ARGV[1], ends))
    end
    return stored
    """
    return parsed(client.eval(script, 1, place_of(session_id), idle))


def log_in(client, session_id, user_id):
    new_id = secrets.token_hex(32)
    script = """
    local stored = redis.call('GET', KEYS[1])
    if not stored then return 0 end
    local ends, text = string.match(stored, '^(%d+) (.*)$')
    local fields = cjson.decode(text)
    fields.user = ARGV[1]
    redis.call('SET', KEYS[2], ends .. ' ' .. cjson.encode(fields), 'PX', redis.call('PTTL', KEYS[1]))
    redis.call('DEL', KEYS[1])
    redis.call('ZADD', KEYS[3], ends, KEYS[2])
    redis.call('EXPIREAT', KEYS[3], redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2])
    return 1
    """
    keys = place_of(session_id), place_of(new_id), list_of(user_id)
    return new_id if client.eval(script, 3, *keys, user_id) == 1 else None


def set_field(client, session_id, field, value):
    script = """
    local stored = redis.call('GET', KEYS[1])
    if not stored then return 0 end
    local ends, text = string.match(stored, '^(%d+) (.*)$')
    local fields = cjson.decode(text)
    fields[ARGV[1]] = ARGV[2]
    redis.call('SET', KEYS[1], ends .. ' ' .. cjson.encode(fields), 'KEEPTTL')
    return 1
    """
    return client.eval(script, 1, place_of(session_id), field, value) == 1


def log_out(client, session_id):
    client.delete(place_of(session_id))


def list_sessions(client, user_id):
    keys = client.zrange(list_of(user_id), 0, -1)
    if not keys:
        return []
    script = """
    local found = {}
    for i = 2, #KEYS do
        local stored = redis.call('GET', KEYS[i])
        if stored then found[#found + 1] = stored else redis.call('ZREM', KEYS[1], KEYS[i]) end
    end
    return found
    """
    return [
        parsed(stored) for stored in client.eval(script, len(keys) + 1, list_of(user_id), *keys)
    ]


def log_out_everywhere(client, user_id, but=None):
    script = """
    local ended = 0
    for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if key ~= ARGV[1] then
            ended = ended + redis.call('DEL', key)
            redis.call('ZREM', KEYS[1], key)
        end
    end
    return ended
    """
    return client.eval(script, 1, list_of(user_id), place_of(but) if but else "")


def open_request(client, cookie):
    fields = use_session(client, cookie, 1800) if cookie else None
    if fields is not None:
        return cookie, fields
    session_id = create_session(client, "", {}, idle=1800, longest=86400)
    return session_id, {"user": ""}


def close_request(client, session_id, before, after):
    script = """
    local stored = redis.call('GET', KEYS[1])
    if not stored then return end
    local ends, text = string.match(stored, '^(%d+) (.*)$')
    local fields = cjson.decode(text)
    for i = 1, #ARGV, 2 do fields[ARGV[i]] = ARGV[i + 1] end
    redis.call('SET', KEYS[1], ends .. ' ' .. cjson.encode(fields), 'KEEPTTL')
    """
    words = [w for pair in (after.items() - before.items()) for w in pair]
    if words:
        client.eval(script, 1, place_of(session_id), *words)


def end_session(client, session_id):
    log_out(client, session_id)
