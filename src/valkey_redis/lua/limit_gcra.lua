-- GCRA, the generic cell rate algorithm: as the token bucket, by one moment, the theoretical
-- arrival time, when all that was admitted has been paid off at `rate` in each `per` ticks.
-- The key is a string: "its tick" "the rest of it, in parts of `rate`". See limit_begin.lua.
-- (ITU-T I.371, annex A)
function algorithms.gcra(key, now, cost, most, per, rate)
    local full, debt = most * per, 0
    local tick, part = numbers(key)
    if tick then
        debt = min(max((tick - now) * rate + part, 0), full)
    end
    local free, price = full - debt, cost * per
    if price > free then -- nothing will be stored
        return ceil((price - free) / rate), floor(free / per), ceil(debt / rate)
    end
    local after = debt + price
    return 0, floor(free / per), ceil(debt / rate), ceil(after / rate),
        string.format('%s %d', digits(now + floor(after / rate)), after % rate)
end
