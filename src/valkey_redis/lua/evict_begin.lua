-- The beginning of each eviction script: eviction_plan.py puts together the settings HALF_LIFE and
-- COUNTS_BYTES, this, for what changes entries evict_keep.lua, the file of a policy, and the
-- file of an operation, where ARGV and the reply are described. What is not needed is left out:
-- to define a function takes the server as long as half a command.
--
-- KEYS[1]  hash: key -> "-" value, or "+", 13 digits (the millisecond when it ends), value;
--          and the account, in fields that begin with a NUL
-- KEYS[2]  zset: the keys in the policy's order
-- KEYS[3]  zset: the keys that end, by when (milliseconds)
-- KEYS[4]  zset: the ghosts, keys that S3-FIFO threw out lately; only its cache has them
--
-- A policy is four functions: insert(key, inserts, tick, capacity) puts a new key into the order,
-- touch(key, tick) notes that it was used, victim(capacity) takes the next to go out of the order
-- and returns it, remove(key) takes out one that somebody else chose. The tick counts uses and
-- insertions: by the server's clock, two could tie.
--
-- At its memory limit the server refuses a script's first write if that may take memory, and none
-- after it. So who takes none, or gives some back, begins with HDEL, of a field that is never there.
local VALUES, ORDER, ENDS, GHOSTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local policy = {}

function policy.touch() end

function policy.remove(key)
    redis.call('ZREM', ORDER, key)
end

local function add(field, by)
    return redis.call('HINCRBY', VALUES, field, by or '1')
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
