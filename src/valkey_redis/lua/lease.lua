-- Take the lease of entries: the right to load and fill them, for a while.
-- KEYS[1]   the namespace's epoch (string)
-- KEYS[2..] the entries (string: see entry.py)
-- ARGV[1]   the lease's token, 16 characters
-- ARGV[2]   its length in milliseconds
-- ARGV[3]   an epoch, 16 characters, if there is none yet
-- ARGV[4]   milliseconds that the epoch must live at least
-- ARGV[5..] for each entry, the header that the caller saw ('' for none), or '*' for
--           "whatever is there": a writer, who knows better
-- Returns   the epoch, then for each entry: 0 granted, -1 another header is there by now,
--           or the milliseconds until somebody else's lease ends
--
-- In one step: two callers who see the same header cannot both be granted. The lease lies
-- in the entry itself, so that whatever invalidates the entry ends the lease with it.
local HEAD = 84
local LONGEST = 3600000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = string.format('%.0f', now + ARGV[2])

if not redis.call('SET', KEYS[1], ARGV[3], 'NX', 'PX', ARGV[4]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[4], 'GT')
end
local answer = {redis.call('GET', KEYS[1])}
local marker = 'vc1l;0000000000000;0000000000;' .. ARGV[1] .. ';' .. ends
    .. ';----------------;00000;'

for i = 2, #KEYS do
    local head = redis.pcall('GETRANGE', KEYS[i], 0, HEAD - 1)
    if type(head) == 'table' then head = '' end -- not a string: MGET told the caller nothing
    local seen = ARGV[i + 3]
    local left = 0
    if string.sub(head, 1, 3) == 'vc1' then
        left = (tonumber(string.sub(head, 48, 60)) or 0) - now
        if left > LONGEST then left = 0 end -- no lease, but bytes that are not ours
    end
    if seen == '*' then
        redis.call('SET', KEYS[i], marker, 'PX', ARGV[2])
        answer[i] = 0
    elseif head ~= seen then
        answer[i] = -1
    elseif left > 0 then
        answer[i] = left
    else
        local kind = string.sub(head, 1, 4)
        if kind == 'vc1v' or kind == 'vc1n' then
            -- The old value stays, for those who may serve it.
            redis.call('SETRANGE', KEYS[i], 30, ARGV[1] .. ';' .. ends)
            redis.call('PEXPIRE', KEYS[i], ARGV[2], 'GT')
        else
            redis.call('SET', KEYS[i], marker, 'PX', ARGV[2])
        end
        answer[i] = 0
    end
end
return answer
