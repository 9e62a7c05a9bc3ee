-- For the eviction scripts that change entries: the account, and how entries are forgotten.
local ACCOUNT = {
    '\0tick', '\0inserts', '\0overwrites', '\0removed', '\0misses', '\0ending', '\0bytes',
    '\0turn', '\0mark', '\0losses', -- turn and mark are the policy's own
}
local PURGED = 100 -- entries that one script throws out at most, beyond those that it must

local function account(field)
    return tonumber(redis.call('HGET', VALUES, field) or 0)
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

-- See to it that the keys agree; return how many entries there are, how many of them end, and
-- what is stored under `key`. A server under allkeys-* may have evicted one of the keys, and with
-- it all values, or their order: what is left is of no use. Who brings a `key` will store it, and
-- so a new cache begins.
local function mended(key)
    local held = redis.call('ZCARD', ORDER)
    local ending, value = unpack(redis.call('HMGET', VALUES, '\0ending', key or ''))
    if held > 0 and ending and (ending == '0' or tonumber(ending) == redis.call('ZCARD', ENDS)) then
        return held, tonumber(ending), value
    end
    local stored = redis.call('HLEN', VALUES) - #ACCOUNT
    if held > 0 or stored > 0 then
        local losses = account('\0losses')
        redis.call('UNLINK', unpack(KEYS))
        add('\0losses', losses + 1)
    end
    if key and (stored ~= 0 or held > 0) then
        for _, field in ipairs(ACCOUNT) do
            add(field, '0')
        end
    end
    return 0, 0, false
end
