-- Stores buckets of a generation that is being uploaded; what its writer never finishes goes away by itself.
--
-- KEYS  1 items or index of the generation
-- ARGV  1 how long it may lie there unfinished (ms), then bucket and bytes of each
-- Returns 1.

redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
