-- Put around a script of BullMQ's (in place of the mark below): the time is that of the server and not what the caller takes it
-- for. So it does not matter what the clock of a worker shows: no job becomes due early, none is taken for older than it is.
--
-- KEYS, ARGV  those of BullMQ's script; ARGV[PLACE] is the time by the clock of the caller, in milliseconds
-- reply       that of BullMQ's script. Where it says when the next delayed job is due, that is told by the clock of the caller,
--             who reckons from it how long to wait.
local now, callers = server_time(KEYS[1] .. ':hf:time'), tonumber(ARGV[PLACE])
ARGV[PLACE] = string.format('%.0f', now)

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

local reply = bullmq(KEYS, ARGV)
if type(reply) == 'table' and type(reply[4]) == 'number' and reply[4] > 0 then
  reply[4] = math.max(1, reply[4] - now + callers)
end
return reply
