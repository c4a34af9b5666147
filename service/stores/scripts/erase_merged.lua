-- Erases what a visitor did until they became a customer who is being erased, and records it.
--
-- KEYS  1 event log of the visitor's partition, 2 erasures of the partition, 3 transfer
-- ARGV  1 the visitor's hash, 2 moment until which their events are the customer's (ms), 3 customer's visitor id, then the
--       visitor's log entries up to that moment
-- Returns the number of deleted log entries.
--
-- The log is past that moment, so no entry can be added before it.

local events = 0
for i = 4, #ARGV do events = events + redis.call('XDEL', KEYS[1], ARGV[i]) end
if tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0') < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
if redis.call('HGET', KEYS[3], 'customer') == ARGV[3] then redis.call('DEL', KEYS[3]) end
return events
