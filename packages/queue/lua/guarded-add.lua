-- Runs one of BullMQ's own add scripts (put in place of the marker below), unless it comes too late, and says whether
-- the job existed before.
--
-- Why: a command that was written to a connection may run long after its caller has given up, when a stopped Redis
-- goes on (closing the connection does not take it back: measured). So every add carries the time after which it must
-- not run any more.
--
-- KEYS     those of BullMQ's script
-- ARGV     those of BullMQ's script, then: the key of the job, the latest time to run (milliseconds, Redis' clock)
-- reply    {status, id, now}: status 'late' (nothing done), 'existed' or 'added'; now in milliseconds, Redis' clock
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[#ARGV]) then
  return {'late', '', tostring(now)}
end
local existed = redis.call('EXISTS', ARGV[#ARGV - 1]) == 1
local function bullmq()
--[[BULLMQ]]
end
local id = bullmq()
return {existed and 'existed' or 'added', id, tostring(now)}
