-- One job with its state and its log. Reads only.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the id of the job; how many lines of its log, the newest ones
-- reply    nil for what is no job of the queue; or {state, its hash as a list, lines}
--
-- The keys of the jobs lie beside those of the queue, and beside what belongs to other jobs: only what is in one of the
-- states is a job.
local call = redis.call
local prefix, id = KEYS[1], ARGV[1]
local key = prefix .. id

local function stateOf()
  for _, state in ipairs({'completed', 'failed', 'delayed', 'prioritized', 'waiting-children'}) do
    if call('ZSCORE', prefix .. state, id) then
      return state
    end
  end
  if call('LPOS', prefix .. 'active', id) then
    return 'active'
  end
  if call('LPOS', prefix .. 'wait', id) or call('LPOS', prefix .. 'paused', id) then
    return 'waiting'
  end
end

if call('TYPE', key).ok ~= 'hash' then
  return nil
end
local state = stateOf()
if not state then
  return nil
end
local log = key .. ':logs'
local wanted = tonumber(ARGV[2])
local lines = {}
if wanted > 0 and call('TYPE', log).ok == 'list' then
  lines = call('LRANGE', log, -wanted, -1)
end
return {state, call('HGETALL', key), lines}
