-- Replaces the experiments' document if it still is the one that the writer read.
--
-- KEYS  1 definitions
-- ARGV  1 version that the writer read (0: none), 2 document (JSON), 3 now (Unix milliseconds)
-- Returns the new version, which is at least now; -1 if another version is stored.

local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0') or 0 -- damaged: as if there were none
if version ~= tonumber(ARGV[1]) then return -1 end
version = math.max(version + 1, tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version), 'document', ARGV[2], 'updated_at', ARGV[3])
return version
