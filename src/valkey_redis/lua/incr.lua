-- Add to a counter, and give it an expiry when it has none.
-- KEYS[1]  the counter (string)
-- ARGV[1]  what to add (integer)
-- ARGV[2]  its lifetime in milliseconds
-- Returns  the new value (integer)
--
-- In one step: were EXPIRE a second command, a client that died between the two
-- would leave a counter that never expires. A counter that has no expiry for
-- any other reason is mended too.
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) == -1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return value
