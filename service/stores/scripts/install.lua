-- Installs recomputed visitors of one partition, except those with events newer than what was read.
--
-- KEYS  1 event log of the partition, 2 id of its last entry that was archived and trimmed, 3 its erasures,
--       then for each visitor: state, ring, orders
-- ARGV  1 id of the last log entry read, 2 3 lives of ring and orders (ms),
--       then for each visitor: id, life of the state (ms), state, ring, orders (the last two may be empty),
--       hash and time (ms; may be empty) of the erasure that the state knows of
-- Returns a string of 1 (installed), 0 (has newer events: read on and try again) and 2 (has been erased meanwhile:
-- what is stored began after that, and stays), one per visitor.
--
-- What events do not tell is kept from the stored state: last seen (the later), session and homepage pin,
-- bytes 1 to 13 of recommender/visitor/codec.py.

local unpack, sub = struct.unpack, string.sub

local function place(id)
  local milliseconds, sequence = string.match(id, '(%d+)-(%d+)')
  return tonumber(milliseconds), tonumber(sequence)
end

-- What was trimmed after the last entry read may be anybody's.
local archived_ms, archived_sequence = place(redis.call('GET', KEYS[2]) or '0-0')
local read_ms, read_sequence = place(ARGV[1])
if archived_ms > read_ms or (archived_ms == read_ms and archived_sequence > read_sequence) then
  return string.rep('0', (#KEYS - 3) / 3)
end

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
for i = 0, (#KEYS - 3) / 3 - 1 do
  local key, argument = 4 + 3 * i, 4 + 7 * i
  local erased = redis.call('HGET', KEYS[3], ARGV[argument + 5])
  if erased and erased ~= ARGV[argument + 6] then
    installed[i + 1] = '2'
  elseif moved[ARGV[argument]] then
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
