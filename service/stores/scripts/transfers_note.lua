-- Notes visitors who became a customer, each with the last moment of it; but those from before the customer was erased.
--
-- KEYS  1 visitors merged, 2 erasures of the partition
-- ARGV  1 life (ms), 2 the customer's hash, 3 4, 5 6 … visitor id and moment (ms)

local erased_at = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0')
for i = 3, #ARGV, 2 do
  local known_at = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  if math.max(known_at, erased_at) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
