-- Make a session, under an id that its maker has just drawn.
-- KEYS[1]  the session (hash: see session_plan.py)
-- KEYS[2]  its user's index (zset: handles by the moment they expire)
-- ARGV[1]  its handle
-- ARGV[2]  milliseconds until it ends if it is not used
-- ARGV[3]  milliseconds until it ends in any case
-- ARGV[4..] its fields and values
-- Returns  its fields and values, then milliseconds left
--
-- In one step: there is never a session without an expiry, nor one that the index does not
-- know. Sent again because its reply was lost, it makes the same one again, as nobody knows its
-- id so far; also if somebody has ended all the user's sessions between the two.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = now + ARGV[3]
local expires = math.min(now + ARGV[2], ends)
local moment = string.format('%.0f', expires)

redis.call('HSET', KEYS[1], '@created', string.format('%.0f', now),
    '@ends', string.format('%.0f', ends))
for i = 4, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('HDEL', KEYS[1], '@dead')
redis.call('PEXPIREAT', KEYS[1], moment)

if redis.call('HEXISTS', KEYS[1], '@user') == 1 then
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
    redis.call('ZADD', KEYS[2], moment, ARGV[1])
    if redis.call('PTTL', KEYS[2]) < expires - now then
        redis.call('PEXPIREAT', KEYS[2], moment)
    end
end
local found = redis.call('HGETALL', KEYS[1])
found[#found + 1] = redis.call('PTTL', KEYS[1])
return found
