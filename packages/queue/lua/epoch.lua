-- The epoch of what a Redis holds: it is gone with everything else where that is emptied, and then there is a new one.
--
-- KEYS[1]  the prefix of the keys, with its colon
-- ARGV     the name of a new epoch, and 1 where the caller knows that there was one before
-- reply    '<name> <since when, milliseconds, Redis' clock> <1 where another one was lost>'
local key = KEYS[1] .. 'hf:epoch'
local epoch = redis.call('GET', key)
if not epoch then
  epoch = ARGV[1] .. string.format(' %.0f ', server_time(KEYS[1] .. 'hf:time')) .. ARGV[2]
  redis.call('SET', key, epoch)
end
return epoch
