-- Delete entries; what has ended counts as not there.
-- ARGV     the keys
-- Returns  how many there were
local held, ending = mended()
local deleted = 0
for _, key in ipairs(ARGV) do
    local value = redis.call('HGET', VALUES, key)
    if value then
        deleted = deleted + (lives(value) and 1 or 0)
        policy.remove(key)
        forget(key, ending)
        add('\0removed')
    end
end
return deleted
