-- Removes dead letters with all that belongs to them, through BullMQ's own `removeJob` (put in place of the marker
-- below).
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     `before` (milliseconds: only those that failed earlier), how many of the oldest ('' where ids follow), ids
-- reply    {removed, remaining}: how many; how many that failed before `before` are left
local prefix = KEYS[1]
local before = '(' .. ARGV[1]
local failed = prefix .. 'failed'

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

-- A key of another kind has only the name of a job: it stays, and its entry goes.
local function mayBeJob(key)
  local kind = redis.call('TYPE', key).ok
  return kind == 'hash' or kind == 'none'
end

local ids = {}
if ARGV[2] == '' then
  for at = 3, #ARGV do
    local failedAt = redis.call('ZSCORE', failed, ARGV[at])
    if failedAt and tonumber(failedAt) < tonumber(ARGV[1]) then
      ids[#ids + 1] = ARGV[at]
    end
  end
else
  ids = redis.call('ZRANGEBYSCORE', failed, '-inf', before, 'LIMIT', 0, ARGV[2])
end

for _, id in ipairs(ids) do
  -- The second key is where schedules are: one that is not there, because what a schedule made may go once it has failed.
  if mayBeJob(prefix .. id) then
    bullmq({prefix .. id, prefix .. 'holdfast:none'}, {id, '0', prefix})
  end
  -- Also where only the entry was left.
  redis.call('ZREM', failed, id)
end
return {#ids, redis.call('ZCOUNT', failed, '-inf', before)}
