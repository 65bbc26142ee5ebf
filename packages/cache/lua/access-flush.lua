-- Adds a batch of reads to what is known of the use of a namespace.
-- KEYS    1: sorted set of how often each key was read, 2: of when it was read last,
--         3 (optional): of when it was read or written last, for a namespace with a bound on its entries; only
--         names that are in it
-- ARGV    1: how many keys 1 and 2 hold at most, 2: for how many milliseconds they outlive the last flush,
--         then for each key: its name, how often it was read, when last
-- reply   how many keys were trimmed: those that were read least
local last = {}
for i = 3, #ARGV, 3 do
  redis.call('ZINCRBY', KEYS[1], ARGV[i + 1], ARGV[i])
  last[#last + 1] = ARGV[i + 2]
  last[#last + 1] = ARGV[i]
end
-- Processes flush at different times, and none may set back what another has seen.
redis.call('ZADD', KEYS[2], 'GT', unpack(last))
if KEYS[3] then
  -- What was deleted since does not come back as a name.
  redis.call('ZADD', KEYS[3], 'XX', 'GT', unpack(last))
end
-- A flush adds no more than it brings, so trimming as many keeps the bound and takes bounded time.
local excess = math.min(redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1]), 1000)
if excess > 0 then
  redis.call('ZREM', KEYS[2], unpack(redis.call('ZRANGE', KEYS[1], 0, excess - 1)))
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, excess - 1)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return math.max(excess, 0)
