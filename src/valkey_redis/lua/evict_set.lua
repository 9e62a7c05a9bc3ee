-- Store an entry; if the cache is full, first throw out as many as must go.
-- ARGV     the capacity in entries, in bytes of keys and values (0: any), the entry's lifetime in
--          milliseconds (0: it does not end), its key, its value
-- Returns  how many were evicted
--
-- Who ends the newest (LIFO, MRU) must choose before the newcomer enters, or would choose it.
local LATEST = 9999999999999 -- 13 digits, in the year 2286: what would end later ends then
local capacity, room, lifetime = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local key, value, ends = ARGV[4], '-' .. ARGV[5], nil
local held, ending, before = mended(key)
local now, is_purged = nil, true -- whether nobody is there that has ended

local function purge_some()
    local due = purge(now, ending)
    held, is_purged = held - due, due < PURGED
    return due
end

if ending > 0 or lifetime > 0 then
    now = milliseconds()
    purge_some()
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
        ends = string.format('%.0f', math.min(now + lifetime, LATEST))
        value = string.format('+%013.0f', ends) .. ARGV[5]
    end
end

local known = before and #before or 0 -- 0: it is new
local size, evicted, gone = #key + #value, 0, 0
local most = COUNTS_BYTES and math.max(room, account('\0bytes'))

-- A cache that was larger shrinks step by step, so that no script holds up the server: it does
-- not grow, and a hundred go.
local function is_full()
    if known == 0 and held >= capacity and gone < PURGED then
        return true
    end
    local after = COUNTS_BYTES and account('\0bytes') + size - (known > 0 and #key + known or 0)
    return COUNTS_BYTES and after > room and (gone < PURGED or after > most)
end

while is_full() do
    if is_purged then
        local victim = policy.victim(capacity)
        forget(victim, ending)
        held, evicted, gone = held - 1, evicted + 1, gone + 1
        if victim == key then
            known = 0 -- it has grown, and had to go for itself: it comes as a new one
        end
    else
        gone = gone + purge_some()
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
