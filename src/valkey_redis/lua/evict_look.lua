-- Read entries as if nobody had: no touch, and no count.
-- ARGV     the keys
-- Returns  for each its value as it is stored, or nothing
local answer = {}
for i, key in ipairs(ARGV) do
    local value = redis.call('HGET', VALUES, key)
    answer[i] = value and lives(value) and value
end
return answer
