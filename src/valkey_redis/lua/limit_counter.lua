-- The sliding counter: the window before counts for the share of it that is still in view.
-- The key is a string: "the window's number" "admitted in it" "admitted in the one before".
-- See limit_begin.lua.
--
-- All is multiplied by `per`, so that the share is a whole number too.
function algorithms.counter(key, now, cost, most, per)
    local window, current, previous = floor(now / per), 0, 0
    local stored, count, before = numbers(key)
    if stored and stored >= window then -- greater: the clock was set back
        window, current, previous = stored, count, before
    elseif stored == window - 1 then
        previous = count
    end
    local left = min((window + 1) * per - now, per) -- of the window, and of the one before
    local free = (most - current) * per - previous * left
    local retry = 0
    if cost * per > free then
        if current + cost <= most then
            retry = left - floor((most - current - cost) * per / previous)
        else -- in the next window, when enough of this one is out of view
            retry = left + per - floor((most - cost) * per / current)
        end
    end
    return retry, floor(free / per), current > 0 and left + per or previous > 0 and left or 0,
        left + per,
        string.format('%s %d %d', digits(window), current + cost, previous)
end
