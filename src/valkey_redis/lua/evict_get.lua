-- Read entries, and note that they were used.
-- ARGV     the keys
-- Returns  for each its value as it is stored, or nothing
--
-- In one step: an entry that is evicted between its reading and its touch would come back into
-- the order without a value.
local answer = {}
for i, key in ipairs(ARGV) do
    local value = redis.call('HGET', VALUES, key)
    if value and lives(value) then
        policy.touch(key, add('\0tick'))
        answer[i] = value
    else
        add('\0misses')
        answer[i] = false
    end
end
return answer
