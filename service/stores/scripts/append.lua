-- Appends past events to the event log of one partition, in the order given; the states are not touched.
--
-- KEYS  1 event log of the partition
-- ARGV  1 visitor id, 2 JSON of the event, 3 4 …
for i = 1, #ARGV, 2 do
  redis.call('XADD', KEYS[1], '*', 'v', ARGV[i], 'e', ARGV[i + 1])
end
return #ARGV / 2
