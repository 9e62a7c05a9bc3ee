-- Decide hits by several limits each: all of them admit a hit, or none of them counts it.
-- KEYS      for each hit, the key of each limit (string; the log's: zset)
-- ARGV[1]   1 to count what is admitted, 0 to look only
-- ARGV[2..] for each limit: algorithm, microseconds of a tick, most, per (ticks), rate;
--           then the cost of each hit
-- Returns   for each hit and limit: what remains, microseconds until it would be admitted
--           (0: it is), microseconds until the limit is as if never used
--
-- In one step: two clients cannot both see the last one left. The clock is the server's.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local counts, limits, last = ARGV[1] == '1', 0, 1
while algorithms[ARGV[last + 1]] do
    limits, last = limits + 1, last + 5
end
local answer = {}

for hit = 1, #KEYS / limits do
    local cost, admitted, found = tonumber(ARGV[last + hit]), counts, {}
    for i = 1, limits do
        local spec = 5 * i - 3
        local tick = tonumber(ARGV[spec + 1])
        found[i] = {algorithms[ARGV[spec]](KEYS[(hit - 1) * limits + i], floor(now / tick), cost,
            tonumber(ARGV[spec + 2]), tonumber(ARGV[spec + 3]), tonumber(ARGV[spec + 4]), true)}
        found[i].tick = tick
        admitted = admitted and found[i][1] == 0
    end
    for i = 1, limits do
        local retry, remaining, reset, ends, value = unpack(found[i], 1, 5)
        local tick, at = found[i].tick, #answer
        if admitted then
            store(KEYS[(hit - 1) * limits + i], value, ends * tick)
            remaining, reset = remaining - cost, ends
        end
        answer[at + 1], answer[at + 2], answer[at + 3] = remaining, retry * tick, reset * tick
    end
end
return answer
