-- Cancels a job that has not ended. One that waits becomes the next to be taken, and fails without being run; one that
-- runs is marked, and its worker told. Whatever becomes of the worker, the job does not run again.
--
-- The message is only a hint, `<lock token> <id>` on the channel `hf:cancel` of the queue: it makes the worker beat, which
-- finds the mark. Where it is lost, or may not be sent (channels have rights of their own), the next beat finds it.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon
-- ARGV     the id of the job, what it fails with
-- reply    'missing', 'ended', 'waiting-children', 'waiting' or 'active'
local base, id = KEYS[1], ARGV[1]
local key = base .. id
local call = redis.call
if call('TYPE', key).ok ~= 'hash' then
  return 'missing'
end
if call('ZSCORE', base .. 'completed', id) or call('ZSCORE', base .. 'failed', id) then
  return 'ended'
end
if call('ZSCORE', base .. 'waiting-children', id) then
  return 'waiting-children'
end
local taken = call('ZREM', base .. 'prioritized', id) + call('ZREM', base .. 'delayed', id)
if taken == 0 then
  taken = call('LREM', base .. 'wait', 0, id) + call('LREM', base .. 'paused', 0, id)
end
-- Another key beside those of the queue, or a job that nothing holds any more: it is in no list, and can be asked for by none.
if taken == 0 and not call('LPOS', base .. 'active', id) then
  return 'missing'
end
call('HSET', key, 'defa', ARGV[2])
if taken == 0 then
  local token = call('GET', key .. ':lock')
  if token then
    redis.pcall('PUBLISH', base .. 'hf:cancel', token .. ' ' .. id)
  end
  return 'active'
end
-- The end of this list is what BullMQ takes next, before all jobs with a priority.
call('RPUSH', base .. 'wait', id)
call('HSET', key, 'delay', 0)
call('XADD', base .. 'events', '*', 'event', 'waiting', 'jobId', id)
if call('HEXISTS', base .. 'meta', 'paused') == 0 then
  call('ZADD', base .. 'marker', 0, '0')
end
return 'waiting'
