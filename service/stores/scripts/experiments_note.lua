-- Begins a phase of each experiment that differs from its last one.
--
-- KEYS  1 definitions, 2 phases
-- ARGV  1 version of the document that the experiments come from, 2 now (Unix seconds), 3 phases kept of each,
--       4 experiments kept, then id and definition (JSON, no line break) of each
-- Returns how many phases began; -1 if phases of a newer document are there already.
--
-- A phase is a line: the second it began, a tab, the definition.

local noted = tonumber(redis.call('HGET', KEYS[1], 'noted') or '0') or 0
if noted > tonumber(ARGV[1]) then return -1 end
redis.call('HSET', KEYS[1], 'noted', ARGV[1])

local given, begun = {}, 0
for i = 5, #ARGV, 2 do
  local id, definition = ARGV[i], ARGV[i + 1]
  given[id] = true
  local lines = redis.call('HGET', KEYS[2], id)
  if not lines or string.match(lines, '\t([^\n]*)$') ~= definition then
    lines = (lines and lines .. '\n' or '') .. ARGV[2] .. '\t' .. definition
    local _, breaks = string.gsub(lines, '\n', '\n')
    for _ = tonumber(ARGV[3]), breaks do lines = string.sub(lines, string.find(lines, '\n', 1, true) + 1) end
    redis.call('HSET', KEYS[2], id, lines)
    begun = begun + 1
  end
end

local excess = redis.call('HLEN', KEYS[2]) - tonumber(ARGV[4])
if excess > 0 then
  local others, all = {}, redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if not given[all[i]] then
      others[#others + 1] = {all[i], tonumber(string.match(all[i + 1], '([^\n\t]*)\t[^\n]*$')) or 0}
    end
  end
  table.sort(others, function(one, other) return one[2] < other[2] end)
  for i = 1, math.min(excess, #others) do redis.call('HDEL', KEYS[2], others[i][1]) end
end
return begun
