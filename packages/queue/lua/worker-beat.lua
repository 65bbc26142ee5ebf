-- One heartbeat of a worker: keeps its presence, tells what became of the jobs it runs, and gives back the jobs of
-- workers that are gone.
--
-- Who is silent may be so because Redis was: after a pause or an outage everybody looks dead to the first who beats. So
-- nobody is given up before the beats of all workers together have come without a gap for the time of a presence, and
-- not by a worker whose own link broke within that time. All times are of Redis' clock: it does not matter when a
-- command was sent.
--
-- KEYS[1]    the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV[1..6] worker id, time to live of a presence (milliseconds), since when the link of this worker holds ('broken' for
--            not any more, '' for a new worker), how many crashes end a job, 1 to look for jobs whose owner is not known, how long a
--            lock holds (milliseconds)
-- ARGV[7..]  the jobs that run here: id, lock token, id, lock token …
-- reply      {since, due, lost ids, cancelled (id, failure, …), rescued (id, crashes, …), own (id, token, …)}: since when
--            the link of this worker holds; milliseconds until another worker may have to be rescued, -1 for none; what
--            this worker holds for the store, where all was looked at
local base = KEYS[1]
-- A sorted set of worker ids by the time at which they count as gone.
local presence = base .. 'hf:presence'
-- Since when the beats have come without a gap, and the last one.
local pulse = base .. 'hf:pulse'
local me, ttl, link = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local crashLimit, everything, lockMs = tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6]
local call = redis.call
local scanned, rescuedAtOnce = 20000, 200
local now = server_time(base .. 'hf:time')

local function bullmq(KEYS, ARGV)
--[[BULLMQ]]
end

local function text(number)
  return string.format('%.0f', number)
end

-- A presence lives as long as its owner says in its id: a rescuer with a shorter one waits for it.
local function ttlOf(worker)
  return tonumber(string.match(worker, '^hf(%d+)%.')) or ttl
end

call('ZADD', presence, now + ttl, me)
local workers = call('ZRANGE', presence, 0, 999, 'WITHSCORES')
local shortest = ttl
for at = 1, #workers, 2 do
  shortest = math.min(shortest, ttlOf(workers[at]))
end

-- A presence that is renewed after a third of its time can end after two thirds of it without a beat.
local seen = call('HMGET', pulse, 'since', 'last')
local since, last = tonumber(seen[1]), tonumber(seen[2])
if since == nil or last == nil or now - last > shortest * 7 / 12 then
  since = now
end
call('HSET', pulse, 'since', text(since), 'last', text(now))
local linkSince = link == 'broken' and now or tonumber(link) or 0
local healthyFor = now - math.max(since, linkSince)

local lost, cancelled = {}, {}
for at = 7, #ARGV, 2 do
  local id, token = ARGV[at], ARGV[at + 1]
  local lock = call('GET', base .. id .. ':lock')
  if not lock and call('LPOS', base .. 'active', id) then
    -- It ran out, during a long pause, but nobody has taken the job: whoever does, takes it from this list first.
    call('SET', base .. id .. ':lock', token, 'PX', lockMs)
    call('SREM', base .. 'stalled', id)
    lock = token
  end
  if lock ~= token then
    lost[#lost + 1] = id
  else
    local failure = call('HGET', base .. id, 'defa')
    if failure then
      cancelled[#cancelled + 1] = id
      cancelled[#cancelled + 1] = failure
    end
  end
end

local dead, anyDead, due = {}, false, -1
local function dueIn(milliseconds)
  if due < 0 or milliseconds < due then
    due = math.max(0, milliseconds)
  end
end
for at = 1, #workers, 2 do
  local worker, goneAt = workers[at], tonumber(workers[at + 1])
  local wait = ttlOf(worker) - healthyFor
  if worker ~= me and goneAt > now then
    dueIn(goneAt - now)
  elseif worker ~= me and wait > 0 then
    -- Beats that are to show health come often enough for it, also where one of them is late.
    dueIn(math.min(wait, shortest / 6))
  elseif worker ~= me then
    dead[worker] = true
    anyDead = true
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
    call('HSETNX', key, 'defa', 'JOB_CRASHED_WORKER: The worker died ' .. crashes ..
      ' times while it ran this job, the maxCrashes of its queue.')
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

-- Whoever blocks is woken by a marker. BullMQ makes none for a prioritized job that comes back, and one that was made
-- may have gone to a worker that is cut off and for Redis still blocks.
local waiting = call('ZCARD', base .. 'prioritized') + call('LLEN', base .. 'wait')
if waiting > 0 and call('HEXISTS', base .. 'meta', 'paused') == 0 then
  call('ZADD', base .. 'marker', 0, '0')
end

return {text(linkSince), due, lost, cancelled, rescued, own}
