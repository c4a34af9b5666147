-- Stores the buckets that a patch or a removal changed, and appends the change to the log, in one step.
--
-- KEYS  1 meta, 2 writer, 3 changes, 4 items and 5 index of the generation, 6 memory of first sights
-- ARGV  1 the writer's token, 2 generation, 3 now (Unix seconds), 4 items added, 5 SKUs added (may be negative),
--       6 log entry, 7 entries the log keeps, 8 9 10 how many buckets of items, index and memory follow,
--       then bucket and bytes of each ('' removes it)
-- Returns the new version; -1 if the writer's turn is over, -2 if the catalog was replaced meanwhile.

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local generation = redis.call('HGET', KEYS[1], 'generation')
if generation and generation ~= ARGV[2] then return -2 end

local argument = 11
for group = 1, 3 do
  local key = KEYS[3 + group]
  for _ = 1, tonumber(ARGV[7 + group]) do
    if ARGV[argument + 1] == '' then
      redis.call('HDEL', key, ARGV[argument])
    else
      redis.call('HSET', key, ARGV[argument], ARGV[argument + 1])
    end
    argument = argument + 2
  end
end

redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'updated_at', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'items', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'skus', ARGV[5])
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[7], string.format('%d-0', version), 'step', ARGV[6])
return version
