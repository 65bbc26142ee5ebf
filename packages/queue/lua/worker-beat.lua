-- One heartbeat of a worker: keeps its presence, tells what became of the jobs it runs, and gives back the jobs of
-- workers that are gone. All times are milliseconds of Redis' clock, so that a pause of Redis, or a command that runs
-- late, cannot make anybody look dead: a gap between two beats starts the rescuer's own time of health anew.
--
-- KEYS[1]    the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV[1..7] worker id, time to live of a presence, the longest gap between two beats of a healthy link, since when
--            the link is healthy ('' for not), the last beat ('' for none), how many crashes end a job, 1 to look for
--            jobs whose owner is not known
-- ARGV[8..]  the jobs that run here: id, lock token, id, lock token …
-- reply      {now, healthySince, due, lost ids, cancelled (id, failure, …), rescued (id, crashes, …), own (id, token, …)};
--            due: milliseconds until another worker may have to be rescued, -1 for none; own only where all was looked at
local base = KEYS[1]
-- A sorted set of worker ids by the time at which they count as gone.
local presence = base .. 'hf:presence'
local me, ttl, maxGap = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local healthySince, last = tonumber(ARGV[4]), tonumber(ARGV[5])
local crashLimit, everything = tonumber(ARGV[6]), ARGV[7] == '1'
local call = redis.call
local scanned, rescuedAtOnce = 20000, 200
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

if healthySince == nil or last == nil or now - last > maxGap then
  healthySince = now
end
call('ZADD', presence, now + ttl, me)

local lost, cancelled = {}, {}
for at = 8, #ARGV, 2 do
  local id = ARGV[at]
  if call('GET', base .. id .. ':lock') ~= ARGV[at + 1] then
    lost[#lost + 1] = id
  else
    local failure = call('HGET', base .. id, 'defa')
    if failure then
      cancelled[#cancelled + 1] = id
      cancelled[#cancelled + 1] = failure
    end
  end
end

-- A presence lives as long as its owner says in its id: a rescuer with a shorter one waits for it.
local function ttlOf(worker)
  return tonumber(string.match(worker, '^hf(%d+)%.')) or ttl
end

local dead, anyDead, due = {}, false, -1
local function dueIn(milliseconds)
  if due < 0 or milliseconds < due then
    due = milliseconds
  end
end
for _, worker in ipairs(call('ZRANGEBYSCORE', presence, '-inf', now, 'LIMIT', 0, 100)) do
  local wait = math.max(ttl, ttlOf(worker)) - (now - healthySince)
  if wait <= 0 then
    dead[worker] = true
    anyDead = true
  else
    dueIn(wait)
  end
end
local nextUp = call('ZRANGEBYSCORE', presence, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 2)
for at = 1, #nextUp, 2 do
  if nextUp[at] ~= me then
    dueIn(tonumber(nextUp[at + 1]) - now)
    break
  end
end

local rescued, own = {}, {}
local bullKeys = {}
for _, name in ipairs({'active', 'wait', 'stalled', 'paused', 'meta', 'limiter', 'prioritized', 'marker', 'events'}) do
  bullKeys[#bullKeys + 1] = base .. name
end

-- A job on its last life runs alone among such jobs, and says so (`hf:run`) when it begins: one that merely waited for
-- its turn beside the job that kills the workers is not counted.
local function rescue(id, token)
  local key = base .. id
  local crashes = tonumber(call('HGET', key, 'hf:crashes')) or 0
  local counts = crashes < math.max(1, crashLimit - 1) or call('HGET', key, 'hf:run') == token
  if bullmq(bullKeys, {id, token, key}) < 0 then
    return
  end
  call('HDEL', key, 'hf:run')
  if counts then
    crashes = call('HINCRBY', key, 'hf:crashes', 1)
  end
  if crashes >= crashLimit then
    -- The next worker that takes it fails it, without running it, in BullMQ's own way.
    call('HSETNX', key, 'defa', 'JOB_CRASHED_WORKER: The worker died ' .. crashes .. ' times while it ran this job.')
  end
  -- BullMQ does not announce a job with a priority that comes back.
  if call('HEXISTS', base .. 'meta', 'paused') == 0 then
    call('ZADD', base .. 'marker', 0, '0')
  end
  rescued[#rescued + 1] = id
  rescued[#rescued + 1] = crashes
end

if anyDead or everything then
  local active = call('LRANGE', base .. 'active', -scanned, -1)
  local complete = #active < scanned
  -- The oldest come first: they are at the end of the list.
  for at = #active, 1, -1 do
    local id = active[at]
    local token = call('GET', base .. id .. ':lock')
    -- Only tokens of our own format: a plain BullMQ worker has no presence, and its jobs are none of our business.
    local owner = token and string.match(token, '^(hf%d+%.[%w%-]+):%d+$')
    if owner == me then
      own[#own + 1] = id
      own[#own + 1] = token
    elseif owner and dead[owner] then
      if #rescued < 2 * rescuedAtOnce then
        rescue(id, token)
      else
        complete = false
      end
    elseif owner and everything and not call('ZSCORE', presence, owner) then
      -- Nobody knows this worker (its presence was lost with a Redis, or it was given up and came back): from now on
      -- it has the time of one presence to say that it lives.
      call('ZADD', presence, now + ttlOf(owner), owner)
    end
  end
  if complete then
    for worker in pairs(dead) do
      call('ZREM', presence, worker)
    end
  elseif anyDead then
    dueIn(0)
  end
end

return {string.format('%.0f', now), string.format('%.0f', healthySince), due, lost, cancelled, rescued, own}
