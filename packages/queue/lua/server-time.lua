-- Shared, put before the scripts that use it: the time of the server, in milliseconds. Rules of access may forbid TIME; the id
-- that Redis makes for an entry of a stream says the same.
-- scratch          a key that nobody uses, in the slot of the script's keys
-- with_full_memory whether to ask a server whose memory is full as well, which lets a script write once it has freed something.
--                  Not for a script that adds: nothing would be refused it any more
local function server_time(scratch, with_full_memory)
  local time = redis.pcall('TIME')
  if not time.err then
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
  if with_full_memory then
    redis.pcall('DEL', scratch)
  end
  local id = redis.call('XADD', scratch, '*', 'time', '')
  redis.call('DEL', scratch)
  return tonumber(string.match(id, '^%d+'))
end

