-- Extends or ends a writer's turn, if it still is this writer's.
--
-- KEYS  1 writer
-- ARGV  1 the writer's token, 2 how long the turn goes on (ms); 0 ends it
-- Returns 1, or 0 if the turn was over already.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
