-- Puts an active job back to waiting through BullMQ's own script (put in place of the marker below), and announces it:
-- BullMQ does not announce a job with a priority that comes back, so that an idle worker finds it only when it stops
-- blocking.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the id of the job, the lock token that holds it
-- reply    1, or 0 when that token does not hold the job (any more)
local base, id, token = KEYS[1], ARGV[1], ARGV[2]

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

local keys = {}
for _, name in ipairs({'active', 'wait', 'stalled', 'paused', 'meta', 'limiter', 'prioritized', 'marker', 'events'}) do
  keys[#keys + 1] = base .. name
end
if bullmq(keys, {id, token, base .. id}) < 0 then
  return 0
end
if redis.call('HEXISTS', base .. 'meta', 'paused') == 0 then
  redis.call('ZADD', base .. 'marker', 0, '0')
end
return 1
