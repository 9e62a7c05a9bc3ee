-- Throw out what is over the capacity, a part at a time.
-- ARGV     the capacity in entries, in bytes of keys and values (0: any)
-- Returns  how many were evicted, and whether (1) there are still more than there may be
local capacity, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local held, ending = mended()
local evicted, due = 0, ending > 0 and purge(milliseconds(), ending) or 0
held = held - due

local function is_over()
    return held > capacity or (COUNTS_BYTES and account('\0bytes') > room)
end

while due + evicted < PURGED and is_over() do
    forget(policy.victim(capacity), ending)
    held, evicted = held - 1, evicted + 1
end
return { evicted, is_over() and 1 or 0 }
