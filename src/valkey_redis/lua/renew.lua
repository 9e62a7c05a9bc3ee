-- Prolong the leases of entries, or end them.
-- KEYS     the entries (string: see entry.py)
-- ARGV[1]  the leases' token
-- ARGV[2]  milliseconds from now; 0 to end them
-- Returns  how many of them still held
--
-- In one step: a lease that ran out, and that somebody else has now, is not touched.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length = tonumber(ARGV[2])
local held = 0

for _, key in ipairs(KEYS) do
    local head = redis.pcall('GETRANGE', key, 0, 45)
    if type(head) == 'string' and string.sub(head, 31, 46) == ARGV[1] then
        held = held + 1
        if length > 0 then
            redis.call('SETRANGE', key, 47, string.format('%.0f', now + length))
            redis.call('PEXPIRE', key, length, 'GT')
        elseif string.sub(head, 4, 4) == 'l' then
            redis.call('UNLINK', key)
        else
            redis.call('SETRANGE', key, 30, '----------------;0000000000000')
        end
    end
end
return held
