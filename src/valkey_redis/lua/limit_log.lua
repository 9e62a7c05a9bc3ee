-- The sliding log: the moment of each unit that was admitted in the last `per`.
-- The key is a zset: member "moment:number", score moment. A cost of 3 is three members.
-- See limit_begin.lua.
local function moment(key, rank)
    return tonumber(string.match(redis.call('ZRANGE', key, rank, rank)[1], '^%d+'))
end

function algorithms.log(key, now, cost, most, per, _, looks)
    local gone = redis.pcall('ZREMRANGEBYSCORE', key, '-inf', digits(now - per))
    if type(gone) == 'table' then -- not a zset, so not ours
        redis.call('UNLINK', key)
    end
    local used = redis.call('ZCARD', key)
    local excess, retry, reset = used + cost - most, 0, 0
    if excess > 0 then
        retry = min(moment(key, excess - 1) + per - now, per)
    end
    if used > 0 and (looks or excess > 0) then -- else nobody asks
        reset = min(moment(key, -1) + per - now, per)
    end
    return retry, most - used, reset, per, function(px)
        local stamp, members = digits(now), {}
        for i = 1, cost do
            members[#members + 1] = stamp
            members[#members + 1] = stamp .. ':' .. used + i
            if #members == 2000 or i == cost then -- `unpack` takes some thousands
                redis.call('ZADD', key, unpack(members))
                members = {}
            end
        end
        redis.call('PEXPIRE', key, px)
    end
end
