-- Drops archived entries from one partition's event log, if it is still the log that they were read from.
--
-- Within the life of one process ids only grow, so nothing that was not read can lie before the last id read. A new
-- run_id or a new history of replication ends that: the clock of the server that goes on may be behind.
--
-- KEYS  1 event log of the partition, 2 id of the last entry dropped
-- ARGV  1 the server as log_head.lua told it, 2 id of the last entry to be dropped
-- Returns 1, or 0 if nothing was done.

local function place(id)
  local milliseconds, sequence = string.match(id, '(%d+)-(%d+)')
  return tonumber(milliseconds), tonumber(sequence)
end

local info = redis.call('INFO', 'server', 'replication')
local server = string.match(info, 'run_id:(%w+)') .. string.match(info, 'master_replid:(%w+)')
if server ~= ARGV[1] then return 0 end

local milliseconds, sequence = place(ARGV[2])
-- MINID keeps its argument: what follows the last id is the least id that stays.
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', milliseconds, sequence + 1))
local before_ms, before_sequence = place(redis.call('GET', KEYS[2]) or '0-0')
if milliseconds > before_ms or (milliseconds == before_ms and sequence > before_sequence) then
  redis.call('SET', KEYS[2], ARGV[2])
end
return 1
