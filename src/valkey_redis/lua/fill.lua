-- Store loaded values, each only if its lease still holds; or store them whatever is there.
-- KEYS[1]   the namespace's epoch (string)
-- KEYS[2..] the entries (string: see entry.py)
-- ARGV[1]   the lease's token; '' for a plain set
-- ARGV[2]   the epoch under which they were loaded; for a plain set, one if there is none
-- ARGV[3]   milliseconds that the epoch must live at least
-- ARGV[4..] for each entry: its kind ('v' or 'n'), milliseconds that it is fresh (15 digits),
--           milliseconds that it is kept (15), the cost of its load (10), then the length
--           of its tags, its tags and its value, as they are stored
-- Returns   for each entry: 1 stored, 0 refused
--
-- In one step: an invalidation that came while the value was loaded has taken the lease
-- away, or the epoch, so that the old value is not stored after it. In the second case the
-- lease is still there, and is taken back: others would wait for it, and nobody loads.
local LATEST = 9999999999999 -- the header has 13 digits: until the year 2286
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token, epoch = ARGV[1], ARGV[2]
local current = redis.call('GET', KEYS[1])

if token == '' and not current then
    redis.call('SET', KEYS[1], epoch, 'PX', ARGV[3])
elseif token == '' then
    epoch = current
end

local answer = {}
for i = 2, #KEYS do
    local held = token ~= '' and redis.pcall('GETRANGE', KEYS[i], 30, 45) == token
    local mine = token == '' or (held and current == epoch)
    if mine then
        local parcel = ARGV[i + 2]
        local fresh = string.format('%.0f', math.min(now + string.sub(parcel, 2, 16), LATEST))
        redis.call('SET', KEYS[i], table.concat({
            'vc1' .. string.sub(parcel, 1, 1), fresh, string.sub(parcel, 32, 41),
            '----------------;0000000000000', epoch, string.sub(parcel, 42)}, ';'),
            'PX', tonumber(string.sub(parcel, 17, 31)))
    elseif held then
        redis.call('UNLINK', KEYS[i])
    end
    answer[i - 1] = mine and 1 or 0
end
-- Last: a script that has written already is let write on, however full the server is.
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')
return answer
