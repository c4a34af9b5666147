-- Returns the transfer that was taken from a visitor and has not arrived yet, for one customer: moment (ms), customer, state,
-- ring, orders; or false.
--
-- KEYS  1 transfer
-- ARGV  1 customer's visitor id

local stored = redis.call('HMGET', KEYS[1], 'at', 'customer', 'state', 'ring', 'orders')
if stored[2] ~= ARGV[1] then return false end
return stored
