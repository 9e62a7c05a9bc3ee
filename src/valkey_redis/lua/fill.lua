-- Store loaded values, each only if its lease still holds; or store them whatever is there.
-- KEYS[1]   the namespace's epoch (string)
-- KEYS[2..] the entries (string: see entry.py)
-- ARGV[1]   the lease's token; '' for a plain set
-- ARGV[2]   the epoch under which they were loaded; for a plain set, one if there is none
-- ARGV[3]   milliseconds that the epoch must live at least
-- ARGV[4..] for each entry: its kind ('v' or 'n'), milliseconds that it is fresh,
--           milliseconds that it is kept, the cost of its load (10 digits), its tail
-- Returns   for each entry: 1 stored, 0 refused
--
-- In one step: an invalidation that came while the value was loaded has taken the lease
-- away, or the epoch, so that the old value is not stored after it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token, epoch = ARGV[1], ARGV[2]
local current = redis.call('GET', KEYS[1])

if token == '' and not current then
    redis.call('SET', KEYS[1], epoch, 'PX', ARGV[3])
elseif token == '' then
    epoch = current
end
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')

local answer = {}
for i = 2, #KEYS do
    local a = 4 + (i - 2) * 5
    local mine = token == ''
    if not mine and current == epoch then
        local head = redis.pcall('GETRANGE', KEYS[i], 30, 45)
        mine = head == token
    end
    if mine then
        redis.call('SET', KEYS[i], table.concat({
            'vc1' .. ARGV[a], string.format('%.0f', now + ARGV[a + 1]), ARGV[a + 3],
            '----------------', '0000000000000', epoch, ARGV[a + 4]}, ';'), 'PX', ARGV[a + 2])
    end
    answer[i - 1] = mine and 1 or 0
end
return answer
