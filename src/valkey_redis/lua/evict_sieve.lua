-- SIEVE: by insertion; half a point more says that it was used. The hand goes from the oldest to
-- the newest, takes the half point away where there is one, and evicts the first without. It
-- stays there, and begins again with the oldest once nobody is ahead of it.
-- (Zhang et al.: SIEVE is Simpler than LRU, NSDI 2024)
local MOST = 128 -- entries that are looked at in one step

function policy.insert(key, inserts)
    redis.call('ZADD', ORDER, inserts, key)
end

function policy.touch(key)
    local score = tonumber(redis.call('ZSCORE', ORDER, key) or 0.5)
    if score % 1 == 0 then
        redis.call('ZADD', ORDER, 'XX', score + 0.5, key)
    end
end

local function ahead(hand, most)
    return redis.call('ZRANGEBYSCORE', ORDER, string.format('(%.0f.5', hand), '+inf',
        'WITHSCORES', 'LIMIT', '0', most)
end

local function move(hand)
    redis.call('HSET', VALUES, '\0mark', string.format('%.0f', hand))
end

function policy.victim()
    redis.call('HDEL', VALUES, '\0') -- see evict_begin.lua
    local hand, most = account('\0mark'), 2 -- as a rule the first goes, and the second stays
    while true do
        local found = ahead(hand, most)
        if #found == 0 then
            hand = 0
        end
        for i = 1, #found, 2 do
            local key, score = found[i], tonumber(found[i + 1])
            hand = math.floor(score)
            if score == hand then
                redis.call('ZREM', ORDER, key)
                local is_last = not found[i + 2] and #ahead(hand, '1') == 0
                move(is_last and 0 or hand)
                return key
            end
            redis.call('ZADD', ORDER, 'XX', hand, key)
        end
        most = MOST
    end
end

function policy.remove(key)
    redis.call('ZREM', ORDER, key)
    local hand = account('\0mark')
    if hand > 0 and #ahead(hand, '1') == 0 then
        move(0)
    end
end
