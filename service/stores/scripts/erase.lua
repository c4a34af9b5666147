-- Erases a visitor: deletes state, ring, orders, what is known of their signing in, and log entries, and records when.
--
-- KEYS  1 state, 2 ring, 3 orders, 4 event log of the partition, 5 erasures of the partition,
--       6 7 8 transfer, visitors merged and announced
-- ARGV  1 visitor id, 2 its hash, 3 id of the last log entry looked at, then the visitor's entries up to there
-- Returns the erasure's time (ms), the number of deleted log entries, and 1 if there was a state, else 0.

local log, visitor_id = KEYS[4], ARGV[1]

local log_ids = {}
for i = 4, #ARGV do log_ids[#log_ids + 1] = ARGV[i] end
for _, entry in ipairs(redis.call('XRANGE', log, '(' .. ARGV[3], '+')) do
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'v' and fields[i + 1] == visitor_id then log_ids[#log_ids + 1] = entry[1] end
  end
end
local events = 0
for _, log_id in ipairs(log_ids) do events = events + redis.call('XDEL', log, log_id) end

local known = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[6], KEYS[7], KEYS[8])

local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', log) == 1 then
  -- Every entry so far is of this millisecond or before; the next one shall be of a later one, so that the time alone
  -- tells what was erased from what came after. (A log may be ahead of a clock that was set back.)
  local info = redis.call('XINFO', 'STREAM', log)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then at = math.max(at, tonumber(string.match(info[i + 1], '^%d+'))) end
  end
  redis.call('XSETID', log, string.format('%.0f-18446744073709551615', at))
end
at = string.format('%.0f', at)
redis.call('HSET', KEYS[5], ARGV[2], at)
return {at, events, known}
