-- Installs recomputed visitors of one partition, except those with events newer than what was read.
--
-- KEYS  1 event log of the partition, then for each visitor: state, ring, orders
-- ARGV  1 id of the last log entry read, 2 3 lives of ring and orders (ms),
--       then for each visitor: id, life of the state (ms), state, ring, orders (the last two may be empty)
-- Returns a string of 1 (installed) and 0 (has newer events: read on and try again), one per visitor.
--
-- What events do not tell is kept from the stored state: last seen (the later), session and homepage pin,
-- bytes 1 to 13 of recommender/visitor/codec.py.

local unpack, sub = struct.unpack, string.sub

local moved = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')) do
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'v' then moved[fields[i + 1]] = true end
  end
end

local function set_or_delete(key, value, life)
  if value == '' then redis.call('DEL', key) else redis.call('SET', key, value, 'PX', life) end
end

local installed = {}
for i = 0, (#KEYS - 1) / 3 - 1 do
  local key, argument = 2 + 3 * i, 4 + 5 * i
  if moved[ARGV[argument]] then
    installed[i + 1] = '0'
  else
    local state = ARGV[argument + 2]
    local stored = redis.call('GET', KEYS[key])
    if stored and #stored >= 14 and string.byte(stored) == string.byte(state) then
      local seen = math.max(unpack('>I4', stored, 2), (unpack('>I4', state, 2)))
      state = sub(state, 1, 1) .. struct.pack('>I4', seen) .. sub(stored, 6, 14) .. sub(state, 15)
    end
    redis.call('SET', KEYS[key], state, 'PX', ARGV[argument + 1])
    set_or_delete(KEYS[key + 1], ARGV[argument + 3], ARGV[2])
    set_or_delete(KEYS[key + 2], ARGV[argument + 4], ARGV[3])
    installed[i + 1] = '1'
  end
end
return table.concat(installed)
