-- Least recently used: by the tick of the last use.
function policy.insert(key, _, tick)
    redis.call('ZADD', ORDER, tick, key)
end

function policy.touch(key, tick)
    redis.call('ZADD', ORDER, 'XX', tick, key)
end

function policy.victim()
    return redis.call('ZPOPMIN', ORDER)[1]
end
