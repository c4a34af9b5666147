-- Returns the visitors who became a customer, each with the last moment (ms) of it, and those announced.
--
-- KEYS  1 visitors merged, 2 visitors announced

return {redis.call('HGETALL', KEYS[1]), redis.call('HKEYS', KEYS[2])}
