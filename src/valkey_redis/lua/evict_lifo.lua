-- Last in, first out: by insertion, from the other end. The victim goes before the newcomer comes.
function policy.insert(key, inserts)
    redis.call('ZADD', ORDER, inserts, key)
end

function policy.victim()
    return redis.call('ZPOPMAX', ORDER)[1]
end
