-- Takes the next job, unless as many have started in the last so many milliseconds as may; and notes its start in the same step.
-- It is put around BullMQ's script, by the clock of the server (in place of the mark below).
--
-- KEYS, ARGV  those of BullMQ's script, whose ARGV[1] is what the keys of the queue start with; behind them how many may start,
--             and in how many milliseconds
-- reply       that of BullMQ's script; of a limit that is reached {0, 0, milliseconds until another may start, 0}
local per = tonumber(table.remove(ARGV))
local max = tonumber(table.remove(ARGV))
local log = ARGV[1] .. 'hf:rate'
local now = server_time(ARGV[1] .. 'hf:time')

local function fetch(KEYS, ARGV)
--[[BULLMQ]]
end

local _, left = rate_log_take(log, 0, max, per, now)
if left < 1 then
  local _, _, wait = rate_log_take(log, 1, max, per, now)
  return {0, 0, wait, 0}
end
local reply = fetch(KEYS, ARGV)
if type(reply[1]) == 'table' then
  rate_log_take(log, 1, max, per, now)
end
return reply
