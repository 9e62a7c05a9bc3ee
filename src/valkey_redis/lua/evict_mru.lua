-- Most recently used: by the tick of the last use, from the other end.
function policy.insert(key, _, tick)
    redis.call('ZADD', ORDER, tick, key)
end

function policy.touch(key, tick)
    redis.call('ZADD', ORDER, 'XX', tick, key)
end

function policy.victim()
    return redis.call('ZPOPMAX', ORDER)[1]
end
