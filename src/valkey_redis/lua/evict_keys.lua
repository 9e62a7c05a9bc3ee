-- Read the order whole: in a large cache this holds up the server for some milliseconds.
-- Returns  the keys with their scores, the keys that have ended, the policy's mark
return {
    redis.call('ZRANGE', ORDER, '0', '-1', 'WITHSCORES'),
    redis.call('ZRANGEBYSCORE', ENDS, '-inf', milliseconds()),
    redis.call('HGET', VALUES, '\0mark'),
}
