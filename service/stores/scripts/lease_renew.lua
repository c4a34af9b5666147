-- Lengthens a lease, or ends it, if it is still the one that was given out.
--
-- KEYS  1 lease
-- ARGV  1 the lease as it was given out, 2 its life from now on (ms); 0 ends it
-- Returns 1 if it was, else 0.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
