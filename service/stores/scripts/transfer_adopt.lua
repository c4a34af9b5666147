-- Puts what a transfer and a customer hold together in the customer's place, if the transfer is not in there yet and
-- nothing has changed since it was worked out.
--
-- KEYS  1 state, 2 ring, 3 orders, 4 event log of the partition, 5 visitors merged, 6 erasures of the partition
-- ARGV  1 customer's visitor id, 2 visitor id, 3 moment of the transfer (ms), 4 5 6 SHA-1 of the state, ring and orders
--       that it was worked out from ('' for none), 7 8 9 what they become, 10 11 12 their lives (ms), 13 log entry `merged`,
--       14 the customer's hash
-- Returns 1 if it was done, 0 if it had been done before or the customer has been erased since the moment; else the state,
-- ring and orders to work it out from.
--
-- A visitor's next transfer is of a later moment and begins only when the one before is in its place, so the last moment
-- tells of all of them.

local erased_at = redis.call('HGET', KEYS[6], ARGV[14])
if erased_at and tonumber(erased_at) >= tonumber(ARGV[3]) then return 0 end

local merged_at = redis.call('HGET', KEYS[5], ARGV[2])
if merged_at and tonumber(merged_at) >= tonumber(ARGV[3]) then return 0 end

local held = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
for part = 1, 3 do
  if (held[part] and redis.sha1hex(held[part]) or '') ~= ARGV[3 + part] then return held end
end

-- What the customer does from now on is of a later millisecond than the entry, so a rebuild can tell the order.
local id = redis.call('XADD', KEYS[4], '*', 'v', ARGV[1], 'e', ARGV[13])
redis.call('XSETID', KEYS[4], string.match(id, '^%d+') .. '-18446744073709551615')
for part = 1, 3 do
  if ARGV[6 + part] == '' then
    redis.call('DEL', KEYS[part])
  else
    redis.call('PSETEX', KEYS[part], ARGV[9 + part], ARGV[6 + part])
  end
end
redis.call('HSET', KEYS[5], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[5], ARGV[10])
return 1
