-- S3-FIFO: two queues in one order, the small one far below 0; quarters of a point are the uses of
-- an entry, three at most. A newcomer goes into the small queue, a tenth of the cache; from there
-- into the main one if it was used twice, and else out, to be remembered as a ghost. Who comes back
-- as a ghost goes into the main queue at once. Who is at that one's end and was used goes to its
-- back, one use less.
-- (Yang et al.: FIFO Queues are All You Need for Cache Eviction, SOSP 2023)
local SMALL = -2 ^ 48

local function uses(score)
    return (tonumber(score) % 1) * 4
end

local function share(capacity)
    return math.max(1, math.floor(capacity / 10))
end

local function small()
    return redis.call('ZCOUNT', ORDER, '-inf', '(0')
end

function policy.insert(key, _, _, capacity)
    local turn = add('\0turn')
    local returns = redis.call('ZREM', GHOSTS, key) == 1
    -- Until the first eviction, the main queue takes what the small one has no room for.
    local overflows = account('\0mark') == 0 and small() >= share(capacity)
    if not returns and not overflows then
        turn = SMALL + turn
    end
    redis.call('ZADD', ORDER, turn, key)
    redis.call('ZREMRANGEBYRANK', GHOSTS, 0, -math.floor(capacity * 9 / 10) - 1)
end

function policy.touch(key)
    local score = redis.call('ZSCORE', ORDER, key)
    if score and uses(score) < 3 then
        redis.call('ZADD', ORDER, 'XX', score + 0.25, key)
    end
end

function policy.victim(capacity)
    redis.call('HDEL', VALUES, '\0') -- see evict_begin.lua
    redis.call('HSET', VALUES, '\0mark', '1')
    local waiting = small()
    if redis.call('ZCARD', ORDER) - waiting <= capacity - share(capacity) then
        for _ = 1, waiting do
            local key, score = unpack(redis.call('ZPOPMIN', ORDER))
            if uses(score) < 2 then
                redis.call('ZADD', GHOSTS, add('\0turn'), key)
                return key
            end
            redis.call('ZADD', ORDER, add('\0turn'), key)
        end
    end
    while true do
        local key, score = unpack(
            redis.call('ZRANGEBYSCORE', ORDER, '0', '+inf', 'WITHSCORES', 'LIMIT', '0', '1'))
        local used = uses(score)
        if used == 0 then
            redis.call('ZREM', ORDER, key)
            return key
        end
        redis.call('ZADD', ORDER, add('\0turn') + (used - 1) / 4, key)
    end
end
