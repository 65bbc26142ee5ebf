-- Removes jobs by their ids: in whatever state they are, or only dead letters of some age. As many as are enough work for one
-- command.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     '' for any state, or, of dead letters: failed at least so many milliseconds ago; then ids
-- reply    for each id, until it is enough, 'removed', 'absent', 'locked' (it runs), 'schedule' (it is the next one of a schedule), or 'other' (it is no
--          such dead letter)
local prefix = KEYS[1]
local now = server_time(prefix .. 'hf:time', true)
local age = tonumber(ARGV[1])

-- The first command that writes must be one that frees memory: see fail-job.lua.
redis.call('DEL', prefix .. 'hf:time')

local function remove(id)
  if age then
    local failed_at = redis.call('ZSCORE', prefix .. 'failed', id)
    if not failed_at or tonumber(failed_at) > now - age then
      return 'other'
    end
  end
  local state = age and 'failed' or job_state(prefix, id)
  if not state then
    return 'absent'
  end
  if state == 'waiting' then
    state = 'wait'
  end
  local outcome = remove_job(prefix, id, state, now)
  if outcome == 'removed' then
    if state == 'active' or state == 'wait' then
      -- From the old end.
      redis.call('LREM', prefix .. state, -1, id)
    else
      redis.call('ZREM', prefix .. state, id)
    end
  end
  return outcome
end

local reply = {}
for at = 2, #ARGV do
  if is_enough() then
    break
  end
  reply[#reply + 1] = remove(ARGV[at])
end
return reply
