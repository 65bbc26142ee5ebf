-- Shared, put before the scripts that use it: what a worker that was given up, and comes back, still has to do with a job.
-- Who is stopped (SIGSTOP, a frozen container, a suspended machine) cannot be told from who has died: its jobs were given
-- back and that was counted as a crash. `hf:left` of a job has the lock tokens under which that was done.

-- Takes back the crash that was counted for this token, if one was; whether it was.
local function uncount_crash(key, token, crashLimit)
  local left = redis.call('HGET', key, 'hf:left')
  if not left then
    return false
  end
  local others, found = {}, false
  for each in string.gmatch(left, '%S+') do
    if each == token then
      found = true
    else
      others[#others + 1] = each
    end
  end
  if not found then
    return false
  end
  if #others > 0 then
    redis.call('HSET', key, 'hf:left', table.concat(others, ' '))
  else
    redis.call('HDEL', key, 'hf:left')
  end
  local crashes = redis.call('HINCRBY', key, 'hf:crashes', -1)
  if crashes <= 0 then
    redis.call('HDEL', key, 'hf:crashes')
  end
  local failure = redis.call('HGET', key, 'defa')
  if failure and crashes < crashLimit and string.find(failure, 'JOB_CRASHED_WORKER:', 1, true) == 1 then
    redis.call('HDEL', key, 'defa')
  end
  return true
end

-- Makes a job that waits active again under this token. Whether it waited.
local function take_from_waiting(base, id, token, lockMs)
  local call = redis.call
  local taken = call('ZREM', base .. 'prioritized', id) + call('ZREM', base .. 'delayed', id)
  if taken == 0 then
    taken = call('LREM', base .. 'wait', 1, id)
  end
  if taken == 0 then
    taken = call('LREM', base .. 'paused', 1, id)
  end
  if taken == 0 then
    return false
  end
  call('LPUSH', base .. 'active', id)
  call('SREM', base .. 'stalled', id)
  call('SET', base .. id .. ':lock', token, 'PX', lockMs)
  call('XADD', base .. 'events', '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  return true
end

-- The same for a job that was failed because its workers had died too often, which they had not.
local function take_from_crashed(base, id, token, lockMs)
  local call = redis.call
  local key = base .. id
  local reason = call('HGET', key, 'failedReason')
  if not reason or string.find(reason, 'JOB_CRASHED_WORKER:', 1, true) ~= 1 then
    return false
  end
  -- What waits for its children was told of the failure.
  if call('HEXISTS', key, 'parentKey') == 1 or call('ZREM', base .. 'failed', id) == 0 then
    return false
  end
  call('HDEL', key, 'failedReason', 'finishedOn', 'stacktrace', 'defa')
  if call('HINCRBY', key, 'atm', -1) < 0 then
    call('HDEL', key, 'atm')
  end
  call('LPUSH', base .. 'active', id)
  call('SET', key .. ':lock', token, 'PX', lockMs)
  call('XADD', base .. 'events', '*', 'event', 'active', 'jobId', id, 'prev', 'failed')
  return true
end

