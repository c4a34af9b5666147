-- Notes who used a customer token, which nobody else may use then.
--
-- KEYS  1 token
-- ARGV  1 user, 2 life of the note (ms)
-- Returns 1 if it is (now) this user's, else 0.

local user = redis.call('GET', KEYS[1])
if user then return user == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
