-- Marks the index of a namespace as one that knows every entry, if it is still the one that was begun.
-- KEYS    1: sorted set of when each entry was read or written last
-- ARGV    1: the mark of an index that is being completed, 2: the mark of a complete one; names that no entry can have
-- reply   1, or 0 where the set was removed meanwhile (by an eviction, a flush), and with it the mark and what was in it
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('ZADD', KEYS[1], '+inf', ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
