-- Shared, put before the scripts that use it: how a job fails without a worker, through BullMQ's own `moveToFinished` (put in
-- place of the marker below). So its waiters, its parent and its de-duplication learn of it as of any other failure.

local function finish(KEYS, ARGV)
--[[moveToFinished]]
end

-- Whether nothing is kept of it once it has failed. What else its retention says is left to the sweeper.
local function is_dropped_when_failed(opts)
  local is_read, options = pcall(cjson.decode, opts or '')
  if not is_read or type(options) ~= 'table' then
    return false
  end
  local rule = options.removeOnFail
  if type(rule) == 'table' then
    rule = rule.count
  end
  return rule == true or rule == 0
end

-- BullMQ's text would break off half-way over what another program, or an accident, has left in these.
local function mend_for_finishing(key)
  local fields = redis.call('HMGET', key, 'atm', 'parent', 'parentKey')
  if fields[1] and not fields[1]:find('^%-?%d+$') then
    redis.call('HDEL', key, 'atm')
  end
  local is_read, parent = pcall(cjson.decode, fields[2] or '{}')
  local is_parent = is_read and type(parent) == 'table' and type(parent.id) == 'string' and type(parent.queueKey) == 'string'
  if fields[2] and not is_parent then
    redis.call('HDEL', key, 'parent')
  end
  if fields[3] and not fields[3]:find(':[^:]+$') then
    redis.call('HDEL', key, 'parentKey')
  end
end

-- The job has been taken out of where it waited, by a command that needs no memory: the first that writes decides whether
-- a Redis whose memory is full lets a script write.
-- now  milliseconds, the clock of Redis
local function fail_job(prefix, id, failure, now)
  local key = prefix .. id
  local is_dropped = is_dropped_when_failed(redis.call('HGET', key, 'opts'))
  mend_for_finishing(key)
  -- BullMQ fails what runs, and looks for it at this end first.
  redis.call('RPUSH', prefix .. 'active', id)
  local keys = {}
  for _, name in ipairs({
    'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc', 'failed', id,
    'metrics:failed', 'marker',
  }) do
    keys[#keys + 1] = prefix .. name
  end
  -- No attempt was made, so none was the last.
  local options = cmsgpack.pack({token = '0', keepJobs = {count = is_dropped and 0 or -1}, attempts = 1e9, maxMetricsSize = ''})
  finish(keys, {id, string.format('%.0f', now), 'failedReason', failure, 'failed', '0', prefix, options, ''})
  if not is_dropped then
    redis.call('HINCRBY', key, 'atm', -1)
  end
end

