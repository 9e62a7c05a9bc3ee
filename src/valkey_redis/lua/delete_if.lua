-- Delete a key only if it still holds what the caller read.
-- KEYS[1]  the key (string)
-- ARGV[1]  what the caller read
-- Returns  1 deleted, 0 not
--
-- In one step: a good value that somebody wrote meanwhile is not deleted.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('UNLINK', KEYS[1])
end
return 0
