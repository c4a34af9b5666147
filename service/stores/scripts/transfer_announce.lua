-- Notes with a customer from whom something is about to be transferred, so that a transfer which was broken off is found
-- from this side too.
--
-- KEYS  1 visitors announced
-- ARGV  1 visitor id, 2 now (Unix seconds), 3 life (ms), 4 how long a transfer may be under way (s)
-- Returns the other visitors announced longer ago than that.

local overdue, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] and tonumber(all[i + 1]) + tonumber(ARGV[4]) <= tonumber(ARGV[2]) then
    overdue[#overdue + 1] = all[i]
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return overdue
