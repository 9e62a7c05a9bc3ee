-- Name a user's sessions, or read those that are named.
-- KEYS[1]   the user's index (zset: handles by the moment they expire)
-- KEYS[2..] the sessions (hash: see session_plan.py)
-- ARGV      the sessions' handles
-- Returns   the handles that the index has, then of each session its fields and values and
--           milliseconds left, or nothing
--
-- What is gone (expired, evicted, lost with a primary) leaves the index here. A script must be
-- told its keys: so who reads asks twice.
local answer = {}
for i = 2, #KEYS do
    local found = {}
    if redis.call('HEXISTS', KEYS[i], '@ends') == 1 then
        found = redis.call('HGETALL', KEYS[i])
        found[#found + 1] = redis.call('PTTL', KEYS[i])
    else
        redis.call('ZREM', KEYS[1], ARGV[i - 1])
    end
    answer[i] = found
end
answer[1] = redis.call('ZRANGE', KEYS[1], 0, -1)
return answer
