-- Decide hits by one limit, one after the other.
-- KEYS      the key of each hit (string; the log's: zset)
-- ARGV[1]   1 to count what is admitted, 0 to look only
-- ARGV[2..6] the limit: algorithm, microseconds of a tick, most, per (ticks), rate
-- ARGV[7..] the cost of each hit
-- Returns   for each hit: what remains, microseconds until it would be admitted (0: it is),
--           microseconds until the limit is as if never used
--
-- In one step: two clients cannot both see the last one left. The clock is the server's.
local time = redis.call('TIME')
local counts, decide, tick = ARGV[1] == '1', algorithms[ARGV[2]], tonumber(ARGV[3])
local most, per, rate = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local now = floor((time[1] * 1000000 + time[2]) / tick)
local answer = {}

for hit = 1, #KEYS do
    local key, cost, at = KEYS[hit], tonumber(ARGV[6 + hit]), #answer
    local retry, remaining, reset, ends, value = decide(key, now, cost, most, per, rate, not counts)
    if counts and retry == 0 then
        store(key, value, ends * tick)
        remaining, reset = remaining - cost, ends
    end
    answer[at + 1], answer[at + 2], answer[at + 3] = remaining, retry * tick, reset * tick
end
return answer
