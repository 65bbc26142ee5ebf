-- Removes jobs that have ended and that the retention of the queue no longer keeps. BullMQ itself does so only when another job
-- ends. One command when there is nothing.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     who sweeps; for how many milliseconds nobody else does; how many jobs at most; then for the completed and for
--          the failed ones: their age in milliseconds, and their number, each '' where there is no such rule
-- reply    {elsewhere, removed, more}: 1 if somebody else sweeps; how many; 1 if there may be more
local prefix = KEYS[1]
local lease = prefix .. 'holdfast:sweep'
local now = server_time(prefix .. 'hf:time', true)
local left = tonumber(ARGV[3])

-- The first command that writes must be one that frees memory: see fail-job.lua.
redis.call('DEL', prefix .. 'hf:time')
if not redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then
  if redis.call('GET', lease) ~= ARGV[1] then
    return {1, 0, 0}
  end
  redis.call('PEXPIRE', lease, ARGV[2])
end

local removed = 0
for at, state in ipairs({'completed', 'failed'}) do
  local set = prefix .. state
  local age, count = tonumber(ARGV[2 + 2 * at]), tonumber(ARGV[3 + 2 * at])
  local ids = {}
  if age ~= nil and left > 0 then
    ids = redis.call('ZRANGEBYSCORE', set, '-inf', string.format('(%.0f', now - age), 'LIMIT', 0, left)
  end
  -- The oldest are first in both.
  local over = count ~= nil and math.min(redis.call('ZCARD', set) - count, left) or 0
  if over > #ids then
    ids = redis.call('ZRANGE', set, 0, over - 1)
  end
  for _, id in ipairs(ids) do
    if is_enough() then
      left = 0
      break
    end
    remove_job(prefix, id, state, now)
    -- Also where only the entry was left.
    redis.call('ZREM', set, id)
    removed = removed + 1
    left = left - 1
  end
end
return {0, removed, left == 0 and 1 or 0}
