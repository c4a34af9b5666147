-- Drops an announcement.
--
-- KEYS  1 visitors announced
-- ARGV  1 visitor id
-- Returns how many were dropped.

return redis.call('HDEL', KEYS[1], ARGV[1])
