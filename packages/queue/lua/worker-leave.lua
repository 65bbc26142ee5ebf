-- A process ends, and beats no more.
--
-- KEYS[1]    what the keys of the presences begin with
-- ARGV[1..2] its id, 1 where it still holds jobs
-- reply      nothing
local presence, serves = KEYS[1] .. 'hf:presence', KEYS[1] .. 'hf:serves'
if ARGV[2] == '1' then
  -- Time 0 is long past: it counts as gone, and stays known until its jobs were given back.
  redis.call('ZADD', presence, 0, ARGV[1])
else
  redis.call('ZREM', presence, ARGV[1])
  redis.call('HDEL', serves, ARGV[1])
end
return false
