-- Notes that tags were invalidated now, and forgets a few notes that are older than all entries.
-- KEYS    1: the namespace's tags
-- ARGV    1: an epoch that was never used, 2: the time in milliseconds, 3: 'd:' or 'e:', then the tags
-- reply   {epoch, seq} from now on, and how many members there are
local key, now = KEYS[1], tonumber(ARGV[2])
local epoch, seq = tags_begun(key, ARGV[1])
seq = math.max(seq + 1, now)
redis.call('ZADD', key, seq, '~' .. epoch)
for index = 4, #ARGV do
  redis.call('ZADD', key, seq, ARGV[3] .. ARGV[index])
end
tags_trim(key, now, 2 * (#ARGV - 3) + 16)
return { epoch, seq, redis.call('ZCARD', key) }
