-- Move a session to a new id: the old one is dead in the same moment.
-- KEYS[1]  the session under its old id (hash: see session_plan.py)
-- KEYS[2]  under its new id
-- KEYS[3]  the index that has the old handle (zset: handles by the moment they expire)
-- KEYS[4]  the index that gets the new one
-- ARGV[1]  the old handle
-- ARGV[2]  the new handle
-- ARGV[3]  milliseconds until it ends if it is not used
-- ARGV[4]  milliseconds until it ends in any case, counted anew; 0 leaves that as it is
-- ARGV[5]  its user from now on, encoded; '' leaves that as it is
-- Returns  its fields and values, then milliseconds left; nothing if there is no such session
--
-- In one step: never are both ids valid, and of two who rotate one id, one has nothing. The
-- new id tells a call that is sent again, because its reply was lost, that all is done.
if redis.call('HEXISTS', KEYS[2], '@ends') == 0 then
    local ends = tonumber(redis.call('HGET', KEYS[1], '@ends'))
    if not ends then return {} end

    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('RENAME', KEYS[1], KEYS[2])
    if ARGV[4] ~= '0' then
        ends = now + ARGV[4]
        redis.call('HSET', KEYS[2], '@created', string.format('%.0f', now),
            '@ends', string.format('%.0f', ends))
    end
    if ARGV[5] ~= '' then
        redis.call('HSET', KEYS[2], '@user', ARGV[5])
    end
    local expires = math.min(now + ARGV[3], ends)
    local moment = string.format('%.0f', expires)
    redis.call('PEXPIREAT', KEYS[2], moment)
    redis.call('ZREM', KEYS[3], ARGV[1])
    if redis.call('HEXISTS', KEYS[2], '@user') == 1 then
        redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now))
        redis.call('ZADD', KEYS[4], moment, ARGV[2])
        if redis.call('PTTL', KEYS[4]) < expires - now then
            redis.call('PEXPIREAT', KEYS[4], moment)
        end
    end
end
local found = redis.call('HGETALL', KEYS[2])
found[#found + 1] = redis.call('PTTL', KEYS[2])
return found
