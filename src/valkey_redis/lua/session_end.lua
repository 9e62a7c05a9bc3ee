-- End sessions of one user, and say which others the user has.
-- KEYS[1]   the user's index (zset: handles by the moment they expire)
-- KEYS[2..] the sessions (hash: see session_plan.py)
-- ARGV[1]   the call's token
-- ARGV[2]   milliseconds that is remembered who ended them
-- ARGV[3]   '1' to name the others, '0' not
-- ARGV[4..] the sessions' handles
-- Returns   how many there were, then the handles that the index still has
--
-- What is left of a session is a mark: a call that is sent again, because its reply was lost,
-- finds its own token, and counts what it ended the first time.
local ended = 0
for i = 2, #KEYS do
    local dead = redis.call('HGET', KEYS[i], '@dead')
    if dead == ARGV[1] then
        ended = ended + 1
    elseif not dead and redis.call('UNLINK', KEYS[i]) == 1 then
        -- After a write a script may write on, however full the server is: one can log out.
        redis.call('HSET', KEYS[i], '@dead', ARGV[1])
        redis.call('PEXPIRE', KEYS[i], ARGV[2])
        ended = ended + 1
    end
    redis.call('ZREM', KEYS[1], ARGV[i + 2])
end
local answer = ARGV[3] == '1' and redis.call('ZRANGE', KEYS[1], 0, -1) or {}
table.insert(answer, 1, ended)
return answer
