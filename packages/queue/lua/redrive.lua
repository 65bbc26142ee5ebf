-- Lets dead letters run again through BullMQ's own `reprocessJob` (put in place of the marker below), as many as are
-- given or asked for, and are enough work for one command. They start anew: with all their attempts, and without what was counted and noted
-- of their failures.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     how many of the oldest ('' where ids follow), only those that failed before this time (milliseconds, the clock of
--          Redis; '' for now), ids
-- reply    {redriven, remaining, that time, looked, id, reason, id, reason, …}: how many; how many that failed before that
--          time are left; how many ids were looked at; then each of those that was not redriven with 'absent' or 'state'
local prefix = KEYS[1]
local failed = prefix .. 'failed'
local now = server_time(prefix .. 'hf:time')
local before = ARGV[2] ~= '' and ARGV[2] or string.format('%.0f', now)
local given = ARGV[1] == ''

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

-- How often it was redriven, and when last, stand first in the options of the job, which are a JSON object: so whoever is told
-- of its failures can tell one from the next, and it waits from then on. Not parsed and written again, which would change
-- what is in them.
local function note(key)
  local opts = redis.call('HGET', key, 'opts') or '{}'
  if opts:sub(1, 1) ~= '{' then
    redis.call('HSET', key, 'delay', 0)
    return opts
  end
  local times, rest = opts:match('^{"redriven":(%d+),"redrivenAt":%d+,?(.*)$')
  if not times then
    times, rest = opts:match('^{"redriven":(%d+),?(.*)$')
  end
  rest = rest or opts:sub(2)
  local begin = string.format('{"redriven":%d,"redrivenAt":%.0f', (tonumber(times) or 0) + 1, now)
  redis.call('HSET', key, 'opts', begin .. (rest == '}' and '' or ',') .. rest, 'delay', 0)
  return opts
end

-- A child that was removed cannot succeed any more: its parent, which failed for it, is told so when it runs.
local function forget_removed_children(key)
  if redis.call('ZCARD', key .. ':unsuccessful') == 0 then
    return
  end
  for _, child in ipairs(redis.call('ZRANGE', key .. ':unsuccessful', 0, 99)) do
    if redis.call('EXISTS', child) == 0 then
      redis.call('ZREM', key .. ':unsuccessful', child)
      redis.call('HSET', key .. ':failed', child, 'JOB_REMOVED: The job was removed before it had succeeded.')
    end
  end
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
  ids = redis.call('ZRANGEBYSCORE', failed, '-inf', '(' .. before, 'LIMIT', 0, ARGV[1])
end

local reply = {0, 0, before, 0}
for _, id in ipairs(ids) do
  if is_enough() then
    break
  end
  reply[4] = reply[4] + 1
  local key = prefix .. id
  if redis.call('ZSCORE', failed, id) and isJob(key) then
    -- Comes first, because it is refused where the memory is full: then nothing has changed.
    local opts = note(key)
    -- What counts its crashes and stalls, so that one more is not its last.
    redis.call('HDEL', key, 'stacktrace', 'stc', 'defa', 'hf:crashes', 'hf:left')
    forget_removed_children(key)
    bullmq({
      key, prefix .. 'events', failed, prefix .. 'wait', prefix .. 'meta', prefix .. 'active', prefix .. 'marker',
      prefix .. 'prioritized', prefix .. 'pc',
    }, {id, push(opts), 'failedReason', 'failed', '1', '1'})
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
reply[2] = redis.call('ZCOUNT', failed, '-inf', '(' .. before)
return reply
