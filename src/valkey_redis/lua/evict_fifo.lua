-- First in, first out: by insertion.
function policy.insert(key, inserts)
    redis.call('ZADD', ORDER, inserts, key)
end

function policy.victim()
    return redis.call('ZPOPMIN', ORDER)[1]
end
