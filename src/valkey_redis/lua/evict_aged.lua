-- LFU that forgets: a use weighs half as much after HALF_LIFE uses of the cache. The score is the
-- logarithm of an entry's weight, in which a use at tick t counts 2^(t / HALF_LIFE): later uses
-- weigh more, which is as good as letting earlier ones fade, and nothing need be rewritten.
-- (Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009)
function policy.insert(key, _, tick)
    redis.call('ZADD', ORDER, tick / HALF_LIFE, key)
end

function policy.touch(key, tick)
    local score = redis.call('ZSCORE', ORDER, key)
    if score then
        -- log2(2^a + 2^b), by the greater of the two: neither power need be made
        local a, b = tonumber(score), tick / HALF_LIFE
        local sum = math.max(a, b) + math.log(1 + 2 ^ -math.abs(a - b)) / math.log(2)
        redis.call('ZADD', ORDER, 'XX', sum, key)
    end
end

function policy.victim()
    return redis.call('ZPOPMIN', ORDER)[1]
end
