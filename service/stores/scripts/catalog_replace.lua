-- Makes an uploaded generation the catalog; readers see all of the old one or all of the new one.
--
-- KEYS  1 meta, 2 writer, 3 changes, 4 items and 5 index of the new generation, 6 items and 7 index of the old one
-- ARGV  1 the writer's token, 2 new generation, 3 now (Unix seconds), 4 items, 5 SKUs,
--       6 how long readers may still finish the old generation (ms)
-- Returns the new version; -1 if the writer's turn is over.

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('PERSIST', KEYS[4])
redis.call('PERSIST', KEYS[5])
redis.call('PEXPIRE', KEYS[6], ARGV[6])
redis.call('PEXPIRE', KEYS[7], ARGV[6])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'updated_at', ARGV[3], 'items', ARGV[4], 'skus', ARGV[5])
redis.call('XTRIM', KEYS[3], 'MAXLEN', 0)
return redis.call('HINCRBY', KEYS[1], 'version', 1)
