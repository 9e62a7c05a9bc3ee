-- Read the account.
-- Returns  how many entries are in the order, how many of those have ended, then the account
local answer = {
    redis.call('HLEN', VALUES) - #ACCOUNT,
    redis.call('ZCOUNT', ENDS, '-inf', milliseconds()),
}
for i, value in ipairs(redis.call('HMGET', VALUES, unpack(ACCOUNT))) do
    answer[2 + i] = tonumber(value or 0)
end
return answer
