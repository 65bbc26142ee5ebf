-- How some jobs stand, for those who wait for their events: what an event has not told, a look tells. Reads only.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     of how many of the jobs the log is looked at too, then their ids, those first
-- reply    {the id of the newest event of the queue, '' where there is none, then of each job its state ('' where there is
--          none) and the mark of its log: a text that changes when lines come to it, '' where it was not looked at}
local prefix = KEYS[1]
-- As many lines as are kept: from there on a log keeps its length.
local full = 1000
local reply = {newest_event(prefix)}

local function mark_of(id)
  local log = prefix .. id .. ':logs'
  local length = redis.pcall('LLEN', log)
  if type(length) ~= 'number' then
    return ''
  end
  if length < full then
    return tostring(length)
  end
  return length .. ' ' .. redis.sha1hex(table.concat(redis.call('LRANGE', log, -5, -1), '\n'))
end

for at = 2, #ARGV do
  reply[#reply + 1] = job_state(prefix, ARGV[at]) or ''
  reply[#reply + 1] = at - 1 <= tonumber(ARGV[1]) and mark_of(ARGV[at]) or ''
end
return reply
