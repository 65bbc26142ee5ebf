-- Makes room: forgets notes that are older than all entries, and moves the oldest of those that are too many into buckets.
-- KEYS    1: the namespace's tags; then its buckets
-- ARGV    1: the time in milliseconds, 2: how many members may stay, 3: how many notes may go now,
--         4: how many notes a bucket takes, 5: how many bits it has
-- reply   how many members are left
local key, now = KEYS[1], tonumber(ARGV[1])
local capacity, bits = tonumber(ARGV[4]), tonumber(ARGV[5])
local epoch = tags_state(key)
if not epoch then
  return 0
end
tags_trim(key, now, tonumber(ARGV[3]))

local buckets = buckets_of(KEYS, epoch)
local kept = {}
local horizon = tags_horizon(key, now)
for _, bucket in ipairs(buckets) do
  if bucket.lost or bucket.newest <= horizon then
    tags_forget(key, bucket.newest)
    redis.call('ZREM', key, bucket_member(bucket.index))
    redis.call('DEL', KEYS[bucket.index])
  else
    kept[#kept + 1] = bucket
  end
end

local excess = math.min(redis.call('ZCARD', key) - tonumber(ARGV[2]), tonumber(ARGV[3]))
if excess <= 0 then
  return redis.call('ZCARD', key)
end
local notes = tags_oldest(key, '+inf', excess)
if #notes == 0 then
  return redis.call('ZCARD', key)
end

local function rename(bucket)
  redis.call('SETRANGE', KEYS[bucket.index], 0, epoch .. string.format('%08d', bucket.count))
  redis.call('ZADD', key, -bucket.newest, bucket_member(bucket.index))
end

-- Two neighbours that took the fewest notes become one, which takes more tags for invalidated than were.
local function unite()
  local at = 1
  for index = 2, #kept - 1 do
    if kept[index].count + kept[index + 1].count < kept[at].count + kept[at + 1].count then
      at = index
    end
  end
  local older, newer = kept[at], table.remove(kept, at + 1)
  redis.call('BITOP', 'OR', KEYS[older.index], KEYS[older.index], KEYS[newer.index])
  older.newest, older.count = newer.newest, older.count + newer.count
  rename(older)
  redis.call('DEL', KEYS[newer.index])
  redis.call('ZREM', key, bucket_member(newer.index))
end

local current = kept[#kept]
if not current or current.count >= capacity then
  if #kept >= #KEYS - 1 then
    unite()
  end
  local taken = {}
  for _, bucket in ipairs(kept) do
    taken[bucket.index] = true
  end
  local free = 2
  while taken[free] do
    free = free + 1
  end
  current = { index = free, count = 0 }
  redis.call('DEL', KEYS[free])
  redis.call('SETBIT', KEYS[free], 128 + bits - 1, 0)
end

for index = 1, #notes, 2 do
  for _, position in ipairs(bucket_positions(string.sub(notes[index], 3), bits)) do
    redis.call('SETBIT', KEYS[current.index], position, 1)
  end
  redis.call('ZREM', key, notes[index])
end
current.count = current.count + #notes / 2
current.newest = tonumber(notes[#notes])
rename(current)
redis.call('ZADD', key, current.newest, '=from')
return redis.call('ZCARD', key)
