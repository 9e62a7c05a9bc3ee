-- The beginning of each limiter's script: limits.py puts together this, the files of the
-- algorithms that it needs, and limit_one.lua or limit_many.lua, where KEYS, ARGV and the
-- reply are described.
--
-- An algorithm is a function (key, now, cost, most, per, rate, looks), all in ticks of its limit.
-- It returns the ticks until it admits (0: now), what remains, the ticks until the limit is as
-- if never used, the same if the hit is counted, and what to store then: a string, or a
-- function that does it. It writes nothing that counts. No number grows beyond 2^53, below
-- which every whole number is exact: limits.py sees to it.
local algorithms = {}
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max

-- What a limit's key holds: whole numbers with spaces between. Nothing if it is another's.
local function numbers(key)
    local value = redis.pcall('GET', key)
    if type(value) == 'string' then
        local a, b, c = string.match(value, '^(%d+) (%d+) ?(%d*)$')
        return tonumber(a), tonumber(b), tonumber(c)
    end
end

-- All digits of a whole number, where tostring has 14. ('%.0f' takes three times as long, and
-- '%d' has 32 bits in some builds.)
local function digits(number)
    local low = number % 1000000
    return string.format('%d%06d', (number - low) / 1000000, low)
end

-- Store what an algorithm said; the key expires a millisecond after it has come to mean
-- nothing, and never at once: 'PX 0' would be an error, EXPIRE 0 a deletion.
local function store(key, value, microseconds)
    local px = ceil(microseconds / 1000) + 1
    if type(value) == 'string' then
        redis.call('SET', key, value, 'PX', px)
    else
        value(px)
    end
end
