-- Takes what is held of a visitor out of their hands, to become a customer's; or finds what was taken out before and
-- has not arrived yet.
--
-- KEYS  1 state, 2 ring, 3 orders, 4 event log of the partition, 5 transfer
-- ARGV  1 visitor id, 2 customer's visitor id, 3 life of the transfer (ms), 4 5 JSON of the log entry `identified` before
--       and after its timestamp (Unix ms)
-- Returns false if nothing is held; else 1 if it was taken now (0: before), then moment (ms), customer, state, ring,
-- orders.

local LAST_SEQUENCE = '18446744073709551615'

local stored = redis.call('HMGET', KEYS[5], 'at', 'customer', 'state', 'ring', 'orders')
if stored[1] then return {0, unpack(stored)} end

local held = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
-- Without a state a ring may hold an arrival at the rate, and nothing else.
if not held[1] then return false end

-- Every entry of the visitor so far is of this millisecond or before, and the next one shall be of a later one: the time
-- alone tells what belongs to the customer. (A log may be ahead of a clock that was set back.)
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[4]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[4])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local last_ms, sequence = string.match(info[i + 1], '(%d+)-(%d+)')
      at = math.max(at, last_ms + (sequence == LAST_SEQUENCE and 1 or 0))
    end
  end
end
at = string.format('%.0f', at)
local seconds = string.sub(at, 1, -4) .. '.' .. string.sub(at, -3)
redis.call('XADD', KEYS[4], at .. '-*', 'v', ARGV[1], 'e', ARGV[4] .. seconds .. ARGV[5])
redis.call('XSETID', KEYS[4], at .. '-' .. LAST_SEQUENCE)
local taken = {at, ARGV[2], held[1], held[2] or '', held[3] or ''}
redis.call('HSET', KEYS[5], 'at', taken[1], 'customer', taken[2], 'state', taken[3], 'ring', taken[4], 'orders', taken[5])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return {1, unpack(taken)}
