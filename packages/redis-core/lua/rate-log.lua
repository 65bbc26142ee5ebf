-- Takes an amount from a limit, by a log of what was taken (see rate-log-take.lua).
-- KEYS 1  the log
-- ARGV    the amount (0 only asks), the limit, the span of time (ms), '' or from when on it was taken that moves to now (ms);
--         now (ms; only tests give it)
-- reply   {1 or 0: taken, left, ms until this amount could be taken (0: it was; -1: never), ms until nothing is noted any more}
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
return {rate_log_take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), now, tonumber(ARGV[4]))}
