-- The token bucket: `most` tokens at first, `rate` more in each `per` ticks, a hit takes its cost.
-- The key is a string: "the level" "the tick of that level". The level counts `per` for each
-- token, so that it is a whole number whatever the rate: no fraction is lost, ever.
-- See limit_begin.lua.
function algorithms.bucket(key, now, cost, most, per, rate)
    local full = most * per
    local level, last = numbers(key)
    if level then
        now = max(now, last) -- less: the clock was set back
        level = min(level + (now - last) * rate, full)
    else
        level = full
    end
    local rest = level - cost * per
    return rest < 0 and ceil(-rest / rate) or 0, floor(level / per),
        ceil((full - level) / rate), ceil((full - rest) / rate),
        digits(rest) .. ' ' .. digits(now)
end
