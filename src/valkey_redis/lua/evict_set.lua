-- Store an entry; if the cache is full, first throw out as many as must go.
-- ARGV     the capacity in entries, in bytes of keys and values (0: any), the entry's lifetime in
--          milliseconds (0: it does not end), its key, its value
-- Returns  how many were evicted
--
-- Who ends the newest (LIFO, MRU) must choose before the newcomer enters, or would choose it.
local capacity, room, lifetime = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local key, value, ends = ARGV[4], '-' .. ARGV[5], nil
local held, ending, before = mended(key)

if ending > 0 or lifetime > 0 then
    local now = milliseconds()
    held = held - purge(now, ending)
    if before and not lives(before) then
        before = false
        if redis.call('ZSCORE', ENDS, key) then -- more have ended than one purge takes
            policy.remove(key)
            forget(key, ending)
            add('\0removed')
            held = held - 1
        end
    end
    if lifetime > 0 then
        ends = string.format('%.0f', now + lifetime)
        value = string.format('+%013.0f', ends) .. ARGV[5]
    end
end

local known = before and #before or 0 -- 0: it is new
local used = COUNTS_BYTES and account('\0bytes') or 0
local size, evicted = #key + #value, 0

-- A cache that was larger shrinks step by step, so that no script holds up the server.
local function is_full()
    local after = used + size - (known > 0 and #key + known or 0)
    return (known == 0 and held >= capacity and evicted < PURGED) or (room > 0 and after > room)
end

while is_full() do
    local victim = policy.victim(capacity)
    if COUNTS_BYTES then
        used = used - #victim - redis.call('HSTRLEN', VALUES, victim)
    end
    forget(victim, ending)
    held, evicted = held - 1, evicted + 1
    if victim == key then
        known = 0 -- it has grown, and had to go for itself: it comes as a new one
    end
end

if known > 0 then
    add('\0overwrites')
    policy.touch(key, add('\0tick'))
else
    policy.insert(key, add('\0inserts'), add('\0tick'), capacity)
end
if COUNTS_BYTES then
    add('\0bytes', size - (known > 0 and #key + known or 0))
end
if ends then
    if redis.call('ZADD', ENDS, ends, key) == 1 then
        add('\0ending')
    end
elseif known > 0 and ending > 0 and redis.call('ZREM', ENDS, key) == 1 then
    add('\0ending', '-1')
end
redis.call('HSET', VALUES, key, value)
return evicted
