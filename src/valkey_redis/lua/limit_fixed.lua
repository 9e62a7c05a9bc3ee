-- The fixed window: so many in each window, all windows beginning at multiples of `per` since 1970.
-- The key is a string: "the window's number" "how many it has admitted". See limit_begin.lua.
--
-- The number is a whole one: a float division would give each moment a window of its own.
function algorithms.fixed(key, now, cost, most, per)
    local window, used = floor(now / per), 0
    local stored, count = numbers(key)
    if stored and stored >= window then -- greater: the clock was set back
        window, used = stored, count
    end
    local ends = min((window + 1) * per - now, per)
    return used + cost > most and ends or 0, most - used, used > 0 and ends or 0, ends,
        string.format('%s %d', digits(window), used + cost)
end
