-- Drops a transfer that has arrived, if it is still that one.
--
-- KEYS  1 transfer
-- ARGV  1 its moment (ms)
-- Returns how many were dropped.

if redis.call('HGET', KEYS[1], 'at') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
