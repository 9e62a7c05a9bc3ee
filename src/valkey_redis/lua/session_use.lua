-- Read a session, or change some of its fields; prolong it if half of its idle time is over.
-- KEYS[1]  the session (hash: see session_plan.py)
-- KEYS[2]  its user's index (zset: handles by the moment they expire)
-- ARGV[1]  its handle
-- ARGV[2]  milliseconds until it ends if it is not used
-- ARGV[3]  only to change: the change's token, 8 characters
-- ARGV[4]  how many fields to remove
-- ARGV[5..] their names, then fields and values to set
-- Returns  to read: its fields and values, then milliseconds left; to change: 1. Nothing if
--          there is no such session
--
-- In one step: a session that was ended meanwhile is neither written nor prolonged. One that
-- has more than half of its time left is read without a write, and none outlives its end. A
-- change that is sent again because its reply was lost is not made twice: the last eight
-- tokens are kept, as others may have come between.
local left = redis.call('PTTL', KEYS[1])
local idle = tonumber(ARGV[2])
local changes = #ARGV > 2

if changes or left < idle / 2 then
    local ends = tonumber(redis.call('HGET', KEYS[1], '@ends'))
    if not ends then return {} end

    local tokens = changes and (redis.call('HGET', KEYS[1], '@tokens') or '')
    if changes and not string.find(tokens, ARGV[3], 1, true) then
        -- First what needs memory: a full server refuses that, or nothing.
        redis.call('HSET', KEYS[1], '@tokens', string.sub(tokens .. ARGV[3], -64))
        local first = 5 + ARGV[4]
        for i = 5, first - 1 do
            redis.call('HDEL', KEYS[1], ARGV[i])
        end
        for i = first, #ARGV, 2 do
            redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        end
    end

    if left < idle / 2 then
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local expires = math.min(now + idle, ends)
        if left < 0 or expires > now + left then
            local moment = string.format('%.0f', expires)
            left = expires - now
            redis.call('PEXPIREAT', KEYS[1], moment)
            redis.call('ZADD', KEYS[2], 'XX', moment, ARGV[1])
            if redis.call('PTTL', KEYS[2]) < left then
                redis.call('PEXPIREAT', KEYS[2], moment)
            end
        end
    end
end

if changes then return {1} end
local found = redis.call('HGETALL', KEYS[1])
found[#found + 1] = left
return found
