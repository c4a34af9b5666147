-- Applies one request's events to a visitor in one step: drops repetitions, appends the rest to the event log,
-- updates the state and returns it; or does nothing at all for a visitor who asks too often. Layouts are described
-- in recommender/visitor/codec.py, the rate in service/stores/rates.py.
--
-- KEYS  1 state, 2 ring of fingerprints, 3 orders, 4 event log of the partition
-- ARGV  1 moment: now (Unix µs, 8 bytes), session gap (s, 4), spacing (0: no limit) and reach of the rate (µs, 8 each),
--       2 3 4 lives of state, ring and orders (ms), 5 visitor id, 6 7, 8 9 … effects and JSON of each event
-- Returns the state's bytes (or false for an unknown visitor without events) and a string of 1 (accepted)
-- and 0 (duplicate), one per event; or after how many µs a visitor who asks too often should come again.
--
-- Records are compared as numbers: Lua compares strings by locale. Everything is computed before the first
-- write, so an error leaves nothing half done.
--
-- What costs time, in instructions of 160,000 in all: a redis.call 4,000 and more (hence MGET and PSETEX), a new string
-- of 400 bytes 5,000 (each byte is hashed), a function up to 2,000 each time that the script runs (hence two of them,
-- where there are events), a number read from text 1,800 (hence the packed moment).

local unpack, pack, find, sub, byte = struct.unpack, struct.pack, string.find, string.sub, string.byte

local FIRST_EVENT, TOUCH_SECONDS = 6, 60
local HEADER, ARRIVAL, PRINT = 59, 7, 8
local EVIDENCE, CART, VIEWED, EXPOSURE, ONCE, ORDER, STORED_ORDER = 12, 15, 10, 9, 40, 46, 50
local EVIDENCE_CAPACITY, CART_CAPACITY, VIEWED_CAPACITY, EXPOSURES_CAPACITY = 24, 20, 8, 16
local RING_EVENTS, LONG_RING, LONGEST_RING, ORDERS_CAPACITY = 512, 8192, 65536, 64

-- What is stored. Without events the ring is of no use, but holds an unknown visitor's arrival.

local now_us, gap, spacing, reach = unpack('>I8I4I8I8', ARGV[1])
local now = math.floor(now_us / 1000000)
local has_events = #ARGV >= FIRST_EVENT

local state, ring
if has_events then
  local stored = redis.call('MGET', KEYS[1], KEYS[2])
  state, ring = stored[1], stored[2]
else
  state = redis.call('GET', KEYS[1])
  if not state and spacing > 0 then ring = redis.call('GET', KEYS[2]) end
end

local last_seen, started, state_end, arrival = 0, now, 0, ''
local evidence_count, cart_count, viewed_count, exposure_count
if state then
  if byte(state) ~= 1 then
    return redis.error_reply('KABINFORMAT stored visitor state has another format: run `kabin rebuild`')
  end
  last_seen, started = unpack('>I4I4', state, 2)
  if now - last_seen > gap then started = now end
  evidence_count, cart_count, viewed_count, exposure_count = byte(state, HEADER - 3, HEADER)
  state_end = HEADER + evidence_count * EVIDENCE + cart_count * CART + viewed_count * VIEWED + exposure_count * EXPOSURE
  arrival = sub(state, state_end + 1)
elseif ring and #ring == ARRIVAL then
  arrival, ring = ring, nil
end
local had_arrival = arrival ~= ''

-- Whether the visitor keeps to the rate: next_arrival and early_us of service/stores/rates.py.

if spacing > 0 then
  local from = had_arrival and unpack('>I7', arrival) or now_us
  if from < now_us or from > now_us + reach then from = now_us end
  if from + spacing > now_us + reach then return from + spacing - now_us - reach end
  arrival = pack('>I7', from + spacing)
end

-- What the events change.

local flags, added, is_fresh, orders, orders_changed = ''
local pin, version, cleared = '\0\0\0\0\0', 0, 0
local observed, expected, weight, squared = 0, 0, 0, 0
local evidence, cart, viewed, exposures = '', '', '', ''

if has_events then
  ring, added, is_fresh = ring or '', {}, {}
  if state then
    pin, version, cleared, observed, expected, weight, squared = unpack('>c5I4I5dddd', state, 10)
    local cart_at = HEADER + 1 + evidence_count * EVIDENCE
    local viewed_at = cart_at + cart_count * CART
    local exposures_at = viewed_at + viewed_count * VIEWED
    evidence, cart = sub(state, HEADER + 1, cart_at - 1), sub(state, cart_at, viewed_at - 1)
    viewed, exposures = sub(state, viewed_at, exposures_at - 1), sub(state, exposures_at, state_end)
  end

  -- Position (from 1) of a record of `width` bytes whose bytes after the first `offset` are `key`, or nil.
  local function position_of(section, width, offset, key)
    local at = find(section, key, 1, true)
    while at do
      if at > offset and (at - offset - 1) % width == 0 then return at - offset end
      at = find(section, key, at + 1, true)
    end
  end

  -- Puts `count` records of the effects, from `from` on, into a section sorted by stamp (its first bytes), greatest
  -- first, and cuts it to capacity. A section of newest values has one record a key (the bytes after the stamp); one
  -- that `is_set` has each once.
  local function put(section, effects, from, count, width, stamp_format, stamp_bytes, capacity, is_set)
    for start = from, from + (count - 1) * width, width do
      local record, stamp = sub(effects, start, start + width - 1), unpack(stamp_format, effects, start)
      local known
      if is_set then
        known = position_of(section, width, 0, record)
      else
        known = position_of(section, width, stamp_bytes, sub(record, stamp_bytes + 1))
        if known and unpack(stamp_format, section, known) < stamp then
          section, known = sub(section, 1, known - 1) .. sub(section, known + width), nil
        end
      end
      if not known then
        local place = 1
        while place <= #section do
          local difference, offset = unpack(stamp_format, section, place) - stamp, stamp_bytes
          while difference == 0 do
            offset = offset + 1
            difference = byte(section, place + offset - 1) - byte(record, offset)
          end
          if difference < 0 then break end
          place = place + width
        end
        if place < capacity * width then
          section = sub(section, 1, place - 1) .. record .. sub(section, place, (capacity - 1) * width)
        end
      end
    end
    return section
  end

  for i = FIRST_EVENT, #ARGV, 2 do
    local effects = ARGV[i]
    local fingerprint = sub(effects, 1, PRINT)
    if is_fresh[fingerprint] or position_of(ring, PRINT, 0, fingerprint) then
      flags = flags .. '0'
    else
      flags, is_fresh[fingerprint], added[#added + 1] = flags .. '1', true, fingerprint
      local event_cleared, event_version, e, c, v, x, n, has_order = unpack('>I5I4BBBBBB', effects, 9)
      local at = 24
      if e > 0 then
        evidence = put(evidence, effects, at, e, EVIDENCE, '>I2', 2, EVIDENCE_CAPACITY, true)
        at = at + e * EVIDENCE
      end
      if c > 0 then
        cart = put(cart, effects, at, c, CART, '>I5', 5, CART_CAPACITY)
        at = at + c * CART
      end
      if event_cleared > cleared then cleared = event_cleared end
      if v > 0 then
        viewed = put(viewed, effects, at, v, VIEWED, '>I5', 5, VIEWED_CAPACITY)
        at = at + v * VIEWED
      end
      if x > 0 then
        exposures = put(exposures, effects, at, x, EXPOSURE, '>I5', 5, EXPOSURES_CAPACITY)
        at = at + x * EXPOSURE
      end
      if n + has_order > 0 and event_version ~= version then
        -- Sums of two half-lives cannot be added: the old ones wait for a rebuild.
        version, observed, expected, weight, squared = event_version, 0, 0, 0, 0
      end
      for once = at, at + (n - 1) * ONCE, ONCE do
        fingerprint = sub(effects, once, once + PRINT - 1)
        if not is_fresh[fingerprint] and not position_of(ring, PRINT, 0, fingerprint) then
          is_fresh[fingerprint], added[#added + 1] = true, fingerprint
          local o, e_, w, s = unpack('>dddd', effects, once + PRINT)
          observed, expected, weight, squared = observed + o, expected + e_, weight + w, squared + s
        end
      end
      if has_order == 1 then
        -- An order counts once: a greater report of it (rank, then the earlier) takes the place of the one that counted.
        at = at + n * ONCE
        local o, e_, w, s = unpack('>dddd', effects, at + 14)
        local is_greater = true
        orders = orders or redis.call('GET', KEYS[3]) or ''
        local known = position_of(orders, STORED_ORDER, 0, sub(effects, at, at + PRINT - 1))
        if known then
          local ko, ke, kw, ks = unpack('>dddd', orders, known + 18)
          local difference = unpack('>I6', effects, at + 8) - unpack('>I6', orders, known + 8)
          if difference == 0 then
            difference = (o ~= ko and o - ko) or (e_ ~= ke and e_ - ke) or (w ~= kw and w - kw) or (s - ks)
          end
          is_greater = difference > 0
          if is_greater then
            if unpack('>I4', orders, known + 14) == version then
              observed, expected, weight, squared = observed - ko, expected - ke, weight - kw, squared - ks
            end
            orders = sub(orders, 1, known - 1) .. sub(orders, known + STORED_ORDER)
          end
        end
        if is_greater then
          observed, expected, weight, squared = observed + o, expected + e_, weight + w, squared + s
          orders = orders .. sub(effects, at, at + 13) .. pack('>I4', version) .. sub(effects, at + 14, at + ORDER - 1)
          orders = sub(orders, -ORDERS_CAPACITY * STORED_ORDER)
          orders_changed = true
        end
      end
    end
  end
end

-- Nothing new: what is left is to mark a known visitor as seen and to keep the arrival, without a state in the place of
-- the ring and for as long as it means something. Nobody is turned away because memory has run out.

if not has_events or #added == 0 then
  local reply
  if state then
    local is_seen = now - last_seen >= TOUCH_SECONDS or now - last_seen > gap
    if is_seen or (spacing > 0 and not had_arrival) then
      if is_seen then last_seen = now end
      state = sub(state, 1, 1) .. pack('>I4I4', last_seen, started) .. sub(state, 10, state_end) .. arrival
      reply = redis.pcall('SET', KEYS[1], state, 'KEEPTTL')
    elseif spacing > 0 then
      reply = redis.pcall('SETRANGE', KEYS[1], state_end, arrival)
    end
  elseif spacing > 0 and not ring then
    reply = redis.pcall('PSETEX', KEYS[2], math.ceil(reach / 1000), arrival)
  end
  if type(reply) == 'table' and reply.err and not find(reply.err, 'OOM', 1, true) then return reply end
  return {state, flags}
end

-- The new state and ring. An order empties the cart up to its moment: those lines are the section's last ones.
local cart_bytes = #cart
while cart_bytes > 0 and unpack('>I5', cart, cart_bytes - CART + 1) < 2 * cleared + 2 do
  cart_bytes = cart_bytes - CART
end
if cart_bytes < #cart then cart = sub(cart, 1, cart_bytes) end

ring = ring .. table.concat(added)
if #ring > LONG_RING then
  -- Cut to the last 512 events with what they counted once (odd fingerprints, after the event's even one). Shorter
  -- rings are left alone: they hold at most 1024 fingerprints, and counting them takes 30 µs.
  local events = 0
  for position = #ring - 7, 1, -PRINT do
    if byte(ring, position + 7) % 2 == 0 then
      events = events + 1
      if events == RING_EVENTS then
        ring = sub(ring, position)
        break
      end
    end
  end
end
if #ring > LONGEST_RING then
  -- Still too long: drops the oldest of what was counted once, down to three quarters of the limit; the events
  -- themselves take 4 KiB and stay.
  local excess, kept = #ring - LONGEST_RING * 3 / 4, {}
  for position = 1, #ring, PRINT do
    if excess > 0 and byte(ring, position + 7) % 2 == 1 then
      excess = excess - PRINT
    else
      kept[#kept + 1] = sub(ring, position, position + 7)
    end
  end
  ring = table.concat(kept)
end

state = pack('>BI4I4c5I4I5ddddBBBB', 1, math.max(now, last_seen), started, pin, version, cleared,
  observed, expected, weight, squared, #evidence / EVIDENCE, #cart / CART, #viewed / VIEWED, #exposures / EXPOSURE)
  .. evidence .. cart .. viewed .. exposures .. arrival

-- Nothing was written so far.

for event = 1, #flags do
  if byte(flags, event) == 49 then -- '1'
    redis.call('XADD', KEYS[4], '*', 'v', ARGV[5], 'e', ARGV[FIRST_EVENT + 2 * event - 1])
  end
end
redis.call('PSETEX', KEYS[1], ARGV[2], state)
redis.call('PSETEX', KEYS[2], ARGV[3], ring)
if orders_changed then redis.call('PSETEX', KEYS[3], ARGV[4], orders) end
return {state, flags}
