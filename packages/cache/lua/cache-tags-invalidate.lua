-- Notes that tags were invalidated now.
-- KEYS    1: the namespace's tags
-- ARGV    1: an epoch that was never used, 2: how many fields the hash may have, 3: 'd:' or 'e:', then the tags
-- reply   {epoch, seq} from now on
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0)
end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
for index = 4, #ARGV do
  redis.call('HSET', KEYS[1], ARGV[3] .. ARGV[index], seq)
end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then
  -- Too many to keep: a new epoch makes every tagged entry of the namespace invalid, and begins with an empty hash.
  epoch = ARGV[1]
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', seq)
end
return { epoch, seq }
