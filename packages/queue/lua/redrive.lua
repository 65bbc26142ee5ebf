-- Lets dead letters run again through BullMQ's own `reprocessJob` (put in place of the marker below), as many as are
-- given or asked for, in one command. They start anew: with all their attempts, and without what was counted and noted
-- of their failures.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     `before` (milliseconds: only those that failed earlier), how many of the oldest ('' where ids follow), ids
-- reply    {redriven, remaining, id, reason, id, reason, …}: how many; how many that failed before `before` are left;
--          then each id that was not redriven with 'absent' or 'state'
local prefix = KEYS[1]
local before = '(' .. ARGV[1]
local failed = prefix .. 'failed'
local given = ARGV[2] == ''

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

-- How often it was redriven stands first in the options of the job, which are a JSON object: so whoever is told of its
-- failures can tell one from the next. Not parsed and written again, which would change what is in them.
local function count(key)
  local opts = redis.call('HGET', key, 'opts') or '{}'
  if opts:sub(1, 1) ~= '{' then
    return opts
  end
  local times, rest = opts:match('^{"redriven":(%d+),?(.*)$')
  rest = rest or opts:sub(2)
  local comma = rest == '}' and '' or ','
  redis.call('HSET', key, 'opts', '{"redriven":' .. (tonumber(times) or 0) + 1 .. comma .. rest)
  return opts
end

-- A job of another BullMQ producer may ask to be the first in its list.
local function push(opts)
  return opts:find('"lifo":true', 1, true) and 'RPUSH' or 'LPUSH'
end

-- A key of another kind has only the name of a job.
local function isJob(key)
  return redis.call('TYPE', key).ok == 'hash'
end

local ids = {}
if given then
  for at = 3, #ARGV do
    ids[#ids + 1] = ARGV[at]
  end
else
  ids = redis.call('ZRANGEBYSCORE', failed, '-inf', before, 'LIMIT', 0, ARGV[2])
end

local reply = {0, 0}
for _, id in ipairs(ids) do
  local key = prefix .. id
  if redis.call('ZSCORE', failed, id) and isJob(key) then
    -- What counts its crashes and stalls, so that one more is not its last.
    redis.call('HDEL', key, 'stacktrace', 'stc', 'defa', 'hf:crashes')
    bullmq({
      key, prefix .. 'events', failed, prefix .. 'wait', prefix .. 'meta', prefix .. 'active', prefix .. 'marker',
      prefix .. 'prioritized', prefix .. 'pc',
    }, {id, push(count(key)), 'failedReason', 'failed', '1', '1'})
    reply[1] = reply[1] + 1
  else
    reply[#reply + 1] = id
    reply[#reply + 1] = isJob(key) and 'state' or 'absent'
    -- An entry without a job, which would be met again and again.
    if not given then
      redis.call('ZREM', failed, id)
    end
  end
end
reply[2] = redis.call('ZCOUNT', failed, '-inf', before)
return reply
