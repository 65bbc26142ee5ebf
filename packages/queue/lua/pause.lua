-- Pauses or resumes a queue through BullMQ's own script (put in place of the marker below).
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     'paused' or 'resumed'; '1' to announce it, '0' where that was done by an earlier call
-- reply    how many jobs an old version of BullMQ has put aside and that are still to be put back: call again until there are none
local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

local isPaused = ARGV[1] == 'paused'
local keys = {}
for _, name in ipairs({isPaused and 'wait' or 'paused', isPaused and 'paused' or 'wait', 'meta', 'prioritized', 'events', 'delayed', 'marker'}) do
  keys[#keys + 1] = KEYS[1] .. name
end
return bullmq(keys, ARGV) or 0
