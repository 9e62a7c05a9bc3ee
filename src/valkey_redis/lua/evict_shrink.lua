-- Throw out what is over the capacity, a part at a time.
-- ARGV     the capacity in entries, in bytes of keys and values (0: any)
-- Returns  how many were thrown out: 0 at the end
local capacity, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local held, ending = mended()
local gone = 0
if ending > 0 then
    gone = purge(milliseconds(), ending)
end
held = held - gone
while gone < PURGED and (held > capacity or (room > 0 and account('\0bytes') > room)) do
    forget(policy.victim(capacity), ending)
    held, gone = held - 1, gone + 1
end
return gone
