-- Take a lock, wait for it, or leave it to the first who waits.
-- KEYS[1]  the lock (string: its owner's token, ':', its fence; '?' if not confirmed yet)
-- KEYS[2]  the last fence (string)
-- KEYS[3]  those who wait (zset: tokens by the moment they came)
-- KEYS[4]  the mark of a token that has left for good (string)
-- ARGV[1]  'take', 'wait' (take it, or else stand in the queue), 'leave', 'quit' (for good)
-- ARGV[2]  the token, 16 characters
-- ARGV[3]  the lease in milliseconds
-- ARGV[4]  what a channel's name begins with; the token follows
-- Returns  to leave: 1 it was the owner, 0 it was not. Else the fence (a string) of the
--          owner that the token is now, or milliseconds until the owner's lease ends, or -1 if
--          the token has left for good
--
-- In one step: nobody comes between a release and the next owner, and a command that is sent
-- again, because its reply was lost, finds its own token. A waiter is told by a message; one
-- to whom nobody listens is dead, and is passed over. Whoever is given the lock so has it for
-- two seconds, in which it comes and takes it. After a lease that ran out whoever looks first
-- has it: were it kept for the first in the queue, two slow ones could keep it for each other
-- for ever. Who left for good is not let in again: its 'take' may still be on the way, on
-- another connection.
local what, token, lease = ARGV[1], ARGV[2], ARGV[3]
local found = redis.call('MGET', KEYS[1], KEYS[2])
local held = found[1]
local mine = held and string.sub(held, 1, 16) == token
local leaves = what == 'leave' or what == 'quit'

-- The clock alone may be set back, the counter alone may be lost.
local function own(who, length, mark)
    local time = redis.call('TIME')
    local last = tonumber(found[2] or '0')
    local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
    if not redis.call('SET', KEYS[1], who .. ':' .. fence .. mark, 'NX', 'PX', length) then
        return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is no lock') -- to MGET it was nothing
    end
    redis.call('SET', KEYS[2], fence, 'PX', 604800000)
    return fence
end

if what == 'take' and not held and redis.call('EXISTS', KEYS[3], KEYS[4]) == 0 then
    return own(token, lease, '') -- nobody waits: the usual case
end

local RESERVED = 2000
local MARK_KEPT = 60000
local SLACK = 60000 -- milliseconds that the queue outlives whom it waits for

-- The first in the queue learns when to look, if nobody calls it before.
local function tell_next(length)
    local next = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
    if next then
        redis.call('PUBLISH', ARGV[4] .. next, length)
    end
end

if leaves then
    if mine then
        redis.call('DEL', KEYS[1])
        held = false
    else
        redis.call('ZREM', KEYS[3], token)
    end
    if what == 'quit' then
        redis.call('SET', KEYS[4], '', 'PX', MARK_KEPT)
    end
elseif mine then
    local fence = string.match(held, '%d+', 18)
    if string.sub(held, -1) == '?' then
        redis.call('SET', KEYS[1], token .. ':' .. fence, 'PX', lease)
        tell_next(lease)
    elseif redis.call('PTTL', KEYS[1]) < tonumber(lease) then
        redis.call('PEXPIRE', KEYS[1], lease)
    end
    return fence
elseif redis.call('EXISTS', KEYS[4]) == 1 then
    return -1
elseif what == 'wait' and held then
    local time = redis.call('TIME')
    local now = string.format('%.0f', time[1] * 1000000 + time[2])
    redis.call('ZADD', KEYS[3], 'NX', now, token)
else
    redis.call('ZREM', KEYS[3], token)
    if not held then
        return own(token, lease, '')
    end
end

if leaves then
    while not held do
        local first = redis.call('ZPOPMIN', KEYS[3])[1]
        if not first then
            break
        elseif redis.call('PUBLISH', ARGV[4] .. first, 0) > 0 then
            held = own(first, RESERVED, '?')
            tell_next(RESERVED)
        end
    end
    return mine and 1 or 0
end

local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    left = tonumber(lease) -- not ours: a key that somebody set without an expiry
end
if what == 'wait' and redis.call('PTTL', KEYS[3]) < left + SLACK then
    redis.call('PEXPIRE', KEYS[3], left + SLACK)
end
return left
