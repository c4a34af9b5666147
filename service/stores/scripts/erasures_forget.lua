-- Drops records of erasures that are still the ones that were dealt with.
--
-- KEYS  1 erasures of a partition
-- ARGV  1 2, 3 4 … visitor's hash and time (ms)

for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
