-- SIEVE: by insertion; half a point more says that it was used. The hand goes from the oldest to the newest,
-- takes the half point away where there is one, and evicts the first without. It stays
-- there, and begins again with the oldest once nobody is ahead of it.
-- (Zhang et al.: SIEVE is Simpler than LRU, NSDI 2024)
local STEP = 64

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

-- Let the hand be there; past the newest it begins anew, with the oldest.
local function move(hand)
    if #ahead(hand, 1) == 0 then
        hand = 0
    end
    redis.call('HSET', VALUES, '\0mark', string.format('%.0f', hand))
end

function policy.victim()
    local hand = account('\0mark')
    while true do
        local found = ahead(hand, STEP)
        if #found == 0 then
            hand = 0
        end
        for i = 1, #found, 2 do
            local key, score = found[i], tonumber(found[i + 1])
            hand = math.floor(score)
            if score == hand then
                redis.call('ZREM', ORDER, key)
                move(hand)
                return key
            end
            redis.call('ZADD', ORDER, 'XX', hand, key)
        end
    end
end

function policy.remove(key)
    redis.call('ZREM', ORDER, key)
    move(account('\0mark'))
end
