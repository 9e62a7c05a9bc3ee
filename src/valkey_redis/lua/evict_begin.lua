-- The beginning of each eviction script: eviction_plan.py puts together the settings HALF_LIFE and
-- COUNTS_BYTES, this, the file of a policy, and the file of an operation, where ARGV and the
-- reply are described.
--
-- KEYS[1]  hash: key -> "-" value, or "+", 13 digits (the millisecond when it ends), value;
--          and the account, in fields that begin with a NUL
-- KEYS[2]  zset: the keys in the policy's order
-- KEYS[3]  zset: the keys that end, by when (milliseconds)
-- KEYS[4]  zset: the ghosts, keys that S3-FIFO threw out lately
--
-- A policy is four functions: insert(key, inserts, tick, capacity) puts a new key into the order,
-- touch(key, tick) notes that it was used, victim(capacity) takes the next to go out of the order
-- and returns it, remove(key) takes out one that somebody else chose. The tick counts uses and
-- insertions: by the server's clock, two could tie.
local VALUES, ORDER, ENDS, GHOSTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ACCOUNT = {
    '\0tick', '\0inserts', '\0overwrites', '\0removed', '\0misses', '\0ending', '\0bytes',
    '\0turn', '\0mark', '\0losses', -- turn and mark are the policy's own
}
local PURGED = 100 -- entries that one script throws out at most, beyond those that it must
local policy = {}

function policy.touch() end

function policy.remove(key)
    redis.call('ZREM', ORDER, key)
end

local function add(field, by)
    return redis.call('HINCRBY', VALUES, field, by or '1')
end

local function account(field)
    return tonumber(redis.call('HGET', VALUES, field) or 0)
end

-- The server's clock, in milliseconds.
local function milliseconds()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Whether a stored value may still be served.
local function lives(value)
    return string.byte(value) == 45 or tonumber(string.sub(value, 2, 14)) > milliseconds()
end

-- Forget a key that has left the order; `ending` is how many entries end.
local function forget(key, ending)
    if ending > 0 and redis.call('ZREM', ENDS, key) == 1 then
        add('\0ending', '-1')
    end
    if COUNTS_BYTES then
        add('\0bytes', -#key - redis.call('HSTRLEN', VALUES, key))
    end
    redis.call('HDEL', VALUES, key)
end

-- Forget entries that have ended, and return how many.
local function purge(now, ending)
    local due = redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', '0', PURGED)
    for _, key in ipairs(due) do
        policy.remove(key)
        forget(key, ending)
    end
    if #due > 0 then
        add('\0removed', #due)
    end
    return #due
end

-- See to it that the keys agree; return how many entries there are, and how many of them end. A
-- server under allkeys-* may have evicted one of the keys, and with it all values, or their
-- order: what is left is of no use. A new cache is begun in the same way.
local function mended()
    local held, ending = redis.call('HLEN', VALUES) - #ACCOUNT, 0
    local ordered = redis.call('ZCARD', ORDER)
    if held == ordered then
        ending = account('\0ending')
        if ending == 0 or ending == redis.call('ZCARD', ENDS) then
            return held, ending
        end
    end
    if held > 0 or ordered > 0 then
        local losses = account('\0losses')
        redis.call('UNLINK', unpack(KEYS))
        add('\0losses', losses + 1)
    end
    for _, field in ipairs(ACCOUNT) do
        add(field, '0')
    end
    return 0, 0
end
