-- Reads the oldest entries of one partition's event log, and which server it is that they are read from.
--
-- KEYS  1 event log of the partition
-- ARGV  1 id from which on, as XRANGE takes it, 2 how many
-- Returns the server (see log_trim.lua) and the entries.
local info = redis.call('INFO', 'server', 'replication')
local server = string.match(info, 'run_id:(%w+)') .. string.match(info, 'master_replid:(%w+)')
return {server, redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])}
