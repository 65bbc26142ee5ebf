-- Keeps a lease while its loader is at work.
-- KEYS    1: the entry's key
-- ARGV    1: token, 2: milliseconds of the lease from now on, 3: the time in milliseconds (empty: the server's)
-- reply   1 when the lease was there, else 0
local now = time_of(ARGV[3])
local lease = tonumber(ARGV[2])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 34)
if type(head) ~= 'string' then
  return 0
end
if head == 'HFL' .. ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], lease)
  return 1
end
if string.sub(head, 1, 3) == 'HF1' and string.sub(head, 28, 35) == ARGV[1] then
  redis.call('SETRANGE', KEYS[1], 35, base36(now + lease, 9))
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < lease then
    redis.call('PEXPIRE', KEYS[1], lease)
  end
  return 1
end
return 0
