-- Least frequently used: 2^32 x uses + insertion, so that of equals the oldest goes, and never
-- the one whose name comes first. Exact for 2^20 uses of an entry, more than which do not
-- count, and 2^32 insertions, after which newcomers begin with one use more.
local USE, MOST = 2 ^ 32, 2 ^ 52

function policy.insert(key, inserts)
    redis.call('ZADD', ORDER, USE + inserts, key)
end

function policy.touch(key)
    local score = redis.call('ZADD', ORDER, 'XX', 'INCR', USE, key)
    if score and tonumber(score) >= MOST then
        redis.call('ZADD', ORDER, 'XX', 'INCR', -USE, key)
    end
end

function policy.victim()
    return redis.call('ZPOPMIN', ORDER)[1]
end
