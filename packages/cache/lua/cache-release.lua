-- Gives a lease back without a value: the loader failed, or found nothing to keep.
-- KEYS    1: the entry's key
-- ARGV    1: token, 2: what the loader said, for those who wait (empty: nothing is left), 3: for how many milliseconds
--         that, or the refresh lease of an entry that is there, stays (0: not at all), 4: the time (empty: the server's)
-- reply   1 when the lease was there, else 0
local now = time_of(ARGV[4])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 34)
if type(head) ~= 'string' then
  return 0
end
if head == 'HFL' .. ARGV[1] then
  if ARGV[2] ~= '' and ARGV[3] ~= '0' then
    redis.call('SET', KEYS[1], 'HFE' .. ARGV[1] .. ARGV[2], 'PX', ARGV[3])
  else
    redis.call('DEL', KEYS[1])
  end
  return 1
end
if string.sub(head, 1, 3) == 'HF1' and string.sub(head, 28, 35) == ARGV[1] then
  redis.call('SETRANGE', KEYS[1], 27, '--------' .. base36(now + tonumber(ARGV[3]), 9))
  return 1
end
return 0
