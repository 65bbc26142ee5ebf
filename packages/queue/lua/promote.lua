-- Lets a delayed job run now, through BullMQ's own `promote` (put in place of the marker below).
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the id of the job
-- reply    1, or 0 when there is no such job among those that are delayed
local prefix, id = KEYS[1], ARGV[1]

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

if not redis.call('ZSCORE', prefix .. 'delayed', id) or redis.call('TYPE', prefix .. id).ok ~= 'hash' then
  return 0
end
-- Comes first, because it is refused where the memory is full: then nothing has changed.
redis.call('HSET', prefix .. id, 'delay', 0)
local keys = {}
for _, name in ipairs({'delayed', 'wait', 'paused', 'meta', 'prioritized', 'active', 'pc', 'events', 'marker'}) do
  keys[#keys + 1] = prefix .. name
end
return bullmq(keys, {prefix, id}) == 0 and 1 or 0
