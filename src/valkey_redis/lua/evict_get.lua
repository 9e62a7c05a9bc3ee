-- Read entries, and note that they were used.
-- ARGV     the keys
-- Returns  for each its value as it is stored, or nothing
--
-- In one step: an entry that is evicted between its reading and its touch would come back into
-- the order without a value.
local function count(field)
    local counter = redis.pcall('HINCRBY', VALUES, field, '1')
    if type(counter) ~= 'table' then
        return counter
    end
    redis.call('HDEL', VALUES, '\0') -- see evict_begin.lua
    return add(field)
end

local answer = {}
for i, key in ipairs(ARGV) do
    local value = redis.call('HGET', VALUES, key)
    if value and lives(value) then
        policy.touch(key, count('\0tick'))
        answer[i] = value
    else
        count('\0misses')
        answer[i] = false
    end
end
return answer
