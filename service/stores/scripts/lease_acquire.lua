#!lua flags=allow-oom
-- Takes a lease that nobody holds, under a token above every earlier one of its name.
--
-- KEYS  1 lease, 2 its last token
-- ARGV  1 holder, 2 life of the lease (ms)
-- Returns the token, or false if the lease is taken.
--
-- The token is never below the server's clock in microseconds: a Redis that has lost its last writes, or everything,
-- gives out no token again that a file on disk may have seen. It may take a few bytes where memory has run out: what makes
-- room there, the archiver, needs its lease first.

if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local token = string.format('%.0f', math.max(now, (tonumber(redis.call('GET', KEYS[2])) or 0) + 1))
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token .. ' ' .. ARGV[1], 'PX', ARGV[2])
return token
