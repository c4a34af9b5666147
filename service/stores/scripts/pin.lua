-- Pins a homepage variant in the state of a visitor who has one; the later of two pins stands.
-- KEYS  1 state      ARGV  1 the pin: Unix second (4 bytes) and variant (1 byte)
-- Returns 1 if the visitor is known, else 0 (and creates nothing).

local OFFSET = 9

local stored = redis.call('GETRANGE', KEYS[1], OFFSET, OFFSET + 4)
if #stored == 0 then return 0 end
if struct.unpack('>I5', ARGV[1]) > struct.unpack('>I5', stored) then
  redis.call('SETRANGE', KEYS[1], OFFSET, ARGV[1])
end
return 1
