-- A run has ended whose lock is not its worker's any more: it was silent for a while, and somebody else got the job. The run
-- that completes first is the one that counts, so this one takes the job from whoever has it, unless another has ended it.
--
-- KEYS[1]    the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV[1..4] the id of the job, the lock token of the run, how long a lock holds (milliseconds), how many crashes end a job
-- reply      'own' (the lock is its own), 'claimed' (now it is), 'superseded' (another run has ended the job, or it is gone)
local base, id, token, lockMs = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local call = redis.call
local key = base .. id
if call('TYPE', key).ok ~= 'hash' then
  return 'superseded'
end
local crashed = uncount_crash(key, token, tonumber(ARGV[4]))
local isActive = call('LPOS', base .. 'active', id)
if isActive and call('GET', key .. ':lock') == token then
  return 'own'
end
if call('ZSCORE', base .. 'completed', id) then
  return 'superseded'
end
if call('ZSCORE', base .. 'failed', id) then
  return crashed and take_from_crashed(base, id, token, lockMs) and 'claimed' or 'superseded'
end
if isActive then
  call('SREM', base .. 'stalled', id)
  call('SET', key .. ':lock', token, 'PX', lockMs)
  return 'claimed'
end
return take_from_waiting(base, id, token, lockMs) and 'claimed' or 'superseded'
