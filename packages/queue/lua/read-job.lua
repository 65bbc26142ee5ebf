-- One job with its state and its log. Reads only.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the id of the job; how many lines of its log, the newest ones
-- reply    nil for what is no job of the queue; or {state, its hash as a list, lines, the id of the newest event of the queue,
--          '' where there is none}: what happens to the job from now on is behind that event
--
-- The keys of the jobs lie beside those of the queue, and beside what belongs to other jobs: only what is in one of the
-- states is a job.
local call = redis.call
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id

if call('TYPE', key).ok ~= 'hash' then
  return nil
end
local state = job_state(prefix, id)
if not state then
  return nil
end
local log = key .. ':logs'
local wanted = tonumber(ARGV[2])
local lines = {}
if wanted > 0 and call('TYPE', log).ok == 'list' then
  lines = call('LRANGE', log, -wanted, -1)
end
return {state, call('HGETALL', key), lines, newest_event(prefix)}
