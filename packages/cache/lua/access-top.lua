-- The keys of a namespace that were read most.
-- KEYS    1: sorted set of how often each key was read, 2: of when it was read last
-- ARGV    1: how many
-- reply   for each key, the most read first: its name, how often it was read, when last (milliseconds, as text)
local reply = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'REV', 'WITHSCORES')
local top = {}
for i = 1, #reply, 2 do
  top[#top + 1] = reply[i]
  top[#top + 1] = reply[i + 1]
  top[#top + 1] = redis.call('ZSCORE', KEYS[2], reply[i]) or '0'
end
return top
