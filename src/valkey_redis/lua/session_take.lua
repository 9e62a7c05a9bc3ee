-- Take a session out of its slot, to be made anew in another: the old id is dead from here on.
-- KEYS[1]  the session (hash: see session_plan.py)
-- KEYS[2]  its user's index (zset: handles by the moment they expire)
-- ARGV[1]  its handle
-- ARGV[2]  the handle that it will have
-- ARGV[3]  milliseconds that its fields are kept, for a call whose reply was lost
-- Returns  its fields and values; nothing if there is no such session
--
-- A cluster has no step over two slots. Taken first, then made: who dies between the two has
-- lost the session, and never are two ids valid.
if redis.call('HEXISTS', KEYS[1], '@ends') == 1 then
    redis.call('HDEL', KEYS[1], '@ends')
    redis.call('HSET', KEYS[1], '@dead', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    redis.call('ZREM', KEYS[2], ARGV[1])
elseif redis.call('HGET', KEYS[1], '@dead') ~= ARGV[2] then
    return {}
end
return redis.call('HGETALL', KEYS[1])
