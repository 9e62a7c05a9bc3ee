-- Prolong a lock's lease, if it is still the caller's; never shorten it.
-- KEYS[1]  the lock (string: its owner's token, ':', its fence)
-- ARGV[1]  the token, 16 characters
-- ARGV[2]  milliseconds from now
-- Returns  1 it lasts at least as long, 0 it is not the caller's any more
--
-- In one step: a lease that ran out, and that somebody else has now, is not touched.
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, 16) ~= ARGV[1] then
    return 0
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
