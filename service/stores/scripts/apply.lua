-- Applies one request's events to a visitor in one step: drops repetitions, appends the rest to the event log,
-- updates the state and returns it. Layouts are described in recommender/visitor/codec.py.
--
-- KEYS  1 state, 2 ring of fingerprints, 3 orders, 4 event log of the partition
-- ARGV  1 now (Unix seconds), 2 session gap (s), 3 4 5 lives of state, ring and orders (ms), 6 visitor id,
--       7 8, 9 10 … effects and JSON of each event
-- Returns the state's bytes (or false for an unknown visitor without events) and a string of 1 (accepted)
-- and 0 (duplicate), one per event.
--
-- Records are compared as numbers: Lua compares strings by locale. Everything is computed before the first
-- write, so an error leaves nothing half done. Every redis.call costs 3 to 5 µs: hence MGET and PSETEX.

local unpack, pack, find, sub, byte = struct.unpack, struct.pack, string.find, string.sub, string.byte

local HEADER = 59
local EVIDENCE, CART, VIEWED, EXPOSURE, ONCE, ORDER, STORED_ORDER = 12, 15, 10, 9, 40, 46, 50
local EVIDENCE_CAPACITY, CART_CAPACITY, VIEWED_CAPACITY, EXPOSURES_CAPACITY = 24, 20, 8, 16
local RING_EVENTS, LONG_RING, LONGEST_RING, ORDERS_CAPACITY = 512, 8192, 65536, 64
local TOUCH_SECONDS = 60

local function is_less(section, position, bytes)
  for i = 1, #bytes do
    local a, b = byte(section, position + i - 1), byte(bytes, i)
    if a ~= b then return a < b end
  end
  return false
end

-- Position (from 1) of a record of `width` bytes whose bytes after the first `offset` are `key`, or nil.
local function position_of(section, width, offset, key)
  local from = 1
  while true do
    local at = find(section, key, from, true)
    if not at then return nil end
    local start = at - offset
    if start >= 1 and (start - 1) % width == 0 then return start end
    from = at + 1
  end
end

-- Puts a record into a section sorted by stamp (its first bytes), greatest first, and cuts to capacity.
-- A section of newest values has one record a key (the bytes after the stamp); one that `is_set` has each once.
local function put(section, record, stamp_format, stamp_bytes, capacity, is_set)
  local width = #record
  local stamp = unpack(stamp_format, record)
  local key = sub(record, stamp_bytes + 1)
  if is_set then
    if position_of(section, width, 0, record) then return section end
  else
    local known = position_of(section, width, stamp_bytes, key)
    if known then
      if unpack(stamp_format, section, known) >= stamp then return section end
      section = sub(section, 1, known - 1) .. sub(section, known + width)
    end
  end
  local position, size = 1, #section
  while position <= size do
    local other = unpack(stamp_format, section, position)
    if other < stamp or (other == stamp and is_less(section, position + stamp_bytes, key)) then break end
    position = position + width
  end
  section = sub(section, 1, position - 1) .. record .. sub(section, position)
  return sub(section, 1, capacity * width)
end

local function put_all(section, effects, position, count, width, stamp_format, stamp_bytes, capacity, is_set)
  for i = 0, count - 1 do
    local start = position + i * width
    section = put(section, sub(effects, start, start + width - 1), stamp_format, stamp_bytes, capacity, is_set)
  end
  return section, position + count * width
end

-- Drops cart lines up to the moment an order emptied the cart; they are the section's last ones.
local function after_order(cart, cleared)
  local size = #cart
  while size > 0 and math.floor(unpack('>I5', cart, size - CART + 1) / 2) <= cleared do size = size - CART end
  return sub(cart, 1, size)
end

-- Drops the oldest of what events counted once (odd fingerprints) from a ring of 512 events that is too long all
-- the same, down to three quarters of the limit; the events themselves (even ones) take 4 KiB and stay.
local function thinned_ring(ring)
  local excess, kept = #ring - LONGEST_RING * 3 / 4, {}
  for position = 1, #ring, 8 do
    if excess > 0 and byte(ring, position + 7) % 2 == 1 then
      excess = excess - 8
    else
      kept[#kept + 1] = sub(ring, position, position + 7)
    end
  end
  return table.concat(kept)
end

-- Cuts a long ring to its last 512 events with what they counted once (odd fingerprints, after the event's even
-- one). Shorter ones are left alone: they hold at most 1024 fingerprints, and counting them takes 30 µs.
local function trimmed_ring(ring)
  local events = 0
  for position = #ring - 7, 1, -8 do
    if byte(ring, position + 7) % 2 == 0 then
      events = events + 1
      if events == RING_EVENTS then
        ring = sub(ring, position)
        break
      end
    end
  end
  return #ring > LONGEST_RING and thinned_ring(ring) or ring
end

local now, gap = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('MGET', KEYS[1], KEYS[2])
local state, ring = stored[1], stored[2] or ''
if not state and #ARGV < 7 then return {false, ''} end

local last_seen, started, pin_second, pin_variant, version, cleared = 0, now, 0, 0, 0, 0
local observed, expected, weight, squared = 0, 0, 0, 0
local evidence, cart, viewed, exposures = '', '', '', ''
if state then
  if byte(state) ~= 1 then
    return redis.error_reply('KABINFORMAT stored visitor state has another format: run `kabin rebuild`')
  end
  local _, e, c, v, x
  _, last_seen, started, pin_second, pin_variant, version, cleared, observed, expected, weight, squared, e, c, v, x =
    unpack('>BI4I4I4BI4I5ddddBBBB', state)
  local cart_at = HEADER + 1 + e * EVIDENCE
  local viewed_at = cart_at + c * CART
  local exposures_at = viewed_at + v * VIEWED
  evidence, cart = sub(state, HEADER + 1, cart_at - 1), sub(state, cart_at, viewed_at - 1)
  viewed, exposures = sub(state, viewed_at, exposures_at - 1), sub(state, exposures_at)
  if now - last_seen > gap then started = now end
end

local fresh, added, flags, accepted = {}, {}, {}, {}
local orders, orders_changed

local function is_new(fingerprint)
  if fresh[fingerprint] or position_of(ring, 8, 0, fingerprint) then return false end
  fresh[fingerprint] = true
  added[#added + 1] = fingerprint
  return true
end

local function add(effects, position, sign)
  local o, e, w, s = unpack('>dddd', effects, position)
  observed, expected = observed + sign * o, expected + sign * e
  weight, squared = weight + sign * w, squared + sign * s
end

-- Counts an order once: a greater report of it (rank, then the earlier) takes the place of the one that counted.
local function add_order(effects, position)
  if not orders then orders = redis.call('GET', KEYS[3]) or '' end
  local known = position_of(orders, STORED_ORDER, 0, sub(effects, position, position + 7))
  if known then
    local precedence, known_precedence = unpack('>I6', effects, position + 8), unpack('>I6', orders, known + 8)
    if known_precedence > precedence then return end
    if known_precedence == precedence then
      local o, e, w, s = unpack('>dddd', effects, position + 14)
      local ko, ke, kw, ks = unpack('>dddd', orders, known + 18)
      local difference = (o ~= ko and o - ko) or (e ~= ke and e - ke) or (w ~= kw and w - kw) or (s - ks)
      if difference <= 0 then return end
    end
    if unpack('>I4', orders, known + 14) == version then add(orders, known + 18, -1) end
    orders = sub(orders, 1, known - 1) .. sub(orders, known + STORED_ORDER)
  end
  add(effects, position + 14, 1)
  orders = orders .. sub(effects, position, position + 13) .. pack('>I4', version) .. sub(effects, position + 14, position + 45)
  orders = sub(orders, -ORDERS_CAPACITY * STORED_ORDER)
  orders_changed = true
end

for i = 7, #ARGV, 2 do
  local effects = ARGV[i]
  if is_new(sub(effects, 1, 8)) then
    flags[#flags + 1] = '1'
    accepted[#accepted + 1] = ARGV[i + 1]
    local event_cleared, event_version, e, c, v, x, n, has_order = unpack('>I5I4BBBBBB', effects, 9)
    local position = 24
    evidence, position = put_all(evidence, effects, position, e, EVIDENCE, '>I2', 2, EVIDENCE_CAPACITY, true)
    if event_cleared > cleared then cleared = event_cleared; cart = after_order(cart, cleared) end
    if c > 0 then
      cart, position = put_all(cart, effects, position, c, CART, '>I5', 5, CART_CAPACITY)
      cart = after_order(cart, cleared)
    end
    viewed, position = put_all(viewed, effects, position, v, VIEWED, '>I5', 5, VIEWED_CAPACITY)
    exposures, position = put_all(exposures, effects, position, x, EXPOSURE, '>I5', 5, EXPOSURES_CAPACITY)
    if n + has_order > 0 and event_version ~= version then
      -- Sums of two half-lives cannot be added: the old ones wait for a rebuild.
      version, observed, expected, weight, squared = event_version, 0, 0, 0, 0
    end
    for k = 0, n - 1 do
      local once = position + k * ONCE
      if is_new(sub(effects, once, once + 7)) then add(effects, once + 8, 1) end
    end
    if has_order == 1 then add_order(effects, position + n * ONCE) end
  else
    flags[#flags + 1] = '0'
  end
end

if #accepted == 0 then
  if not state then return {false, table.concat(flags)} end
  if now - last_seen >= TOUCH_SECONDS or now - last_seen > gap then
    local seen = pack('>I4I4', now, started)
    redis.call('SETRANGE', KEYS[1], 1, seen)
    state = sub(state, 1, 1) .. seen .. sub(state, 10)
  end
  return {state, table.concat(flags)}
end

state = pack('>BI4I4I4BI4I5ddddBBBB', 1, math.max(now, last_seen), started, pin_second, pin_variant, version, cleared,
  observed, expected, weight, squared, #evidence / EVIDENCE, #cart / CART, #viewed / VIEWED, #exposures / EXPOSURE)
  .. evidence .. cart .. viewed .. exposures
ring = ring .. table.concat(added)
if #ring > LONG_RING then ring = trimmed_ring(ring) end

for _, json in ipairs(accepted) do
  redis.call('XADD', KEYS[4], '*', 'v', ARGV[6], 'e', json)
end
redis.call('PSETEX', KEYS[1], ARGV[3], state)
redis.call('PSETEX', KEYS[2], ARGV[4], ring)
if orders_changed then redis.call('PSETEX', KEYS[3], ARGV[5], orders) end
return {state, table.concat(flags)}
