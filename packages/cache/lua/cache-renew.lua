-- Keeps a lease while its loader is at work.
-- KEYS    1: where the lease is: the entry's own key, or the lease's, and then 2: the entry's
-- ARGV    1: token, 2: milliseconds of the lease from now on, 3: with two keys the rev of the entry
-- reply   1 when the lease was there, else 0
local head = redis.pcall('GETRANGE', KEYS[1], 0, 10)
if head ~= 'HFL' .. ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], 19, 26) == ARGV[3] then
  local left = redis.call('PTTL', KEYS[2])
  if left >= 0 and left < tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
  end
end
return 1
