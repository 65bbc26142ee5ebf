-- Shared, put before scripts of one key that change something, behind server-time.lua: a command that was written to a
-- connection may run long after its caller has given up, when a stopped Redis goes on (closing the connection does not take it
-- back: measured).
-- KEYS[1]  the prefix of a queue's keys
-- before   `makes_room`: whether the script frees memory, and so is to run where there is none left
-- ARGV     of the script, and behind that the latest time to run it (milliseconds, Redis' clock), which is taken off
-- reply    the error `LATE <now>`, in milliseconds, where nothing was done
do
  local now = server_time(KEYS[1] .. 'hf:time', makes_room)
  if now > tonumber(table.remove(ARGV)) then
    return redis.error_reply('LATE ' .. string.format('%.0f', now))
  end
end

