-- Tells by its id whether this is still the Redis that a worker knows; gives one to a Redis that has none.
--
-- KEYS  1 hash of what was fixed at installation
-- ARGV  1 id that the worker knows (may be empty), 2 id to give if there is none, 3 Unix seconds now
-- Returns the id, when the data were found lost and have not been restored (may be empty), and 1 if they were found
-- lost just now, by this worker, which is then the one to report it.
local stored = redis.call('HMGET', KEYS[1], 'id', 'lost_at')
if stored[1] then return {stored[1], stored[2] or '', 0} end
redis.call('HSET', KEYS[1], 'id', ARGV[2])
if ARGV[1] == '' then return {ARGV[2], '', 0} end
redis.call('HSET', KEYS[1], 'lost_at', ARGV[3])
return {ARGV[2], ARGV[3], 1}
