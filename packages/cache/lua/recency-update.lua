-- Notes writes and removals of a namespace's entries, and says which entries are beyond its bound.
-- KEYS    1: sorted set of when each entry was read or written last, 2: of when each expires
-- ARGV    1: now, 2: how many entries there may be (0: any number), 3: how many entries to expire and to name at most,
--         4: how many writes follow, each as: key, when, when it expires (0: never)
--         then removals, each as: key, when; an entry that was used after that stays
-- reply   how many names there are, how many of them without those that have expired, whether the index is complete (1 or 0),
--         how many expired ones were forgotten, then those that were used longest ago and are too many, each as: key, when it was used
local recency, expiry = KEYS[1], KEYS[2]
local limit = tonumber(ARGV[3])
local at = 5
for _ = 1, ARGV[4] do
  -- What another process wrote or read later is not set back.
  redis.call('ZADD', recency, 'GT', ARGV[at + 1], ARGV[at])
  if ARGV[at + 2] == '0' then
    redis.call('ZREM', expiry, ARGV[at])
  else
    redis.call('ZADD', expiry, ARGV[at + 2], ARGV[at])
  end
  at = at + 3
end
for i = at, #ARGV, 2 do
  local used = redis.call('ZSCORE', recency, ARGV[i])
  if used and tonumber(used) <= tonumber(ARGV[i + 1]) then
    redis.call('ZREM', recency, ARGV[i])
    redis.call('ZREM', expiry, ARGV[i])
  end
end
local expired = redis.call('ZRANGE', expiry, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, limit)
if #expired > 0 then
  redis.call('ZREM', recency, unpack(expired))
  redis.call('ZREM', expiry, unpack(expired))
end
local count = redis.call('ZCARD', recency)
-- Names that no entry can have mark an index that knows every entry, and one that is being completed.
local complete = redis.call('ZSCORE', recency, '') and 1 or 0
count = count - complete - (redis.call('ZSCORE', recency, '.') and 1 or 0)
local reply = { count, count - redis.call('ZCOUNT', expiry, '-inf', ARGV[1]), complete, #expired }
local excess = math.min(count - tonumber(ARGV[2]), limit)
if ARGV[2] ~= '0' and excess > 0 then
  for _, part in ipairs(redis.call('ZRANGE', recency, 0, excess - 1, 'WITHSCORES')) do
    reply[#reply + 1] = part
  end
end
return reply
