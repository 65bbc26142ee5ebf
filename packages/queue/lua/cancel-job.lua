-- Cancels a job that has not ended. One that waits fails here and now; one that runs is marked, and its worker told. Whatever
-- becomes of the worker, the job does not run again.
--
-- The message is only a hint, `<lock token> <id>` on the channel `hf:cancel` of the queue: it makes the worker beat, which
-- finds the mark. Where it is lost, or may not be sent (channels have rights of their own), the next beat finds it.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon
-- ARGV     the id of the job, what it fails with
-- reply    'missing', 'ended', 'waiting-children', 'schedule' (the next job of one: left alone), 'waiting' (it has failed now)
--          or 'active'
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
-- A schedule goes on when a worker takes its next job; it would end with one that nobody takes.
local schedule = call('HGET', key, 'rjk')
local due = schedule and call('ZSCORE', base .. 'repeat', schedule)
if due and id == 'repeat:' .. schedule .. ':' .. due and not call('LPOS', base .. 'active', id) then
  return 'schedule'
end
local taken = call('ZREM', base .. 'prioritized', id) + call('ZREM', base .. 'delayed', id)
if taken == 0 then
  taken = call('LREM', base .. 'wait', 0, id) + call('LREM', base .. 'paused', 0, id)
end
if taken > 0 then
  fail_job(base, id, ARGV[2], server_time(base .. 'hf:time'))
  return 'waiting'
end
-- Another key beside those of the queue, or a job that nothing holds any more: it is in no list, and can be asked for by none.
if not call('LPOS', base .. 'active', id) then
  return 'missing'
end
call('HSET', key, 'defa', ARGV[2])
local token = call('GET', key .. ':lock')
if token then
  redis.pcall('PUBLISH', base .. 'hf:cancel', token .. ' ' .. id)
end
return 'active'
