-- Gives a lease back without a value: the loader failed, or found nothing to keep.
-- KEYS    1: where the lease is: the entry's own key, or the lease's
-- ARGV    1: token, 2: what is left in its place, for those who wait (empty: nothing), 3: for how many milliseconds
-- reply   1 when the lease was there, else 0
local head = redis.pcall('GETRANGE', KEYS[1], 0, 10)
if head ~= 'HFL' .. ARGV[1] then
  return 0
end
local left = ARGV[2] ~= '' and redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
-- A Redis that is full has no room for it.
if not left or left.err then
  redis.call('DEL', KEYS[1])
end
return 1
