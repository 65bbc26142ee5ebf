-- One heartbeat of the workers of a process, for all their queues: keeps its presence, tells what became of the jobs that
-- run there, and gives back the jobs of processes that are gone.
--
-- Who is silent may be so because Redis was: after a pause or an outage everybody looks dead to the first who beats. So
-- nobody is given up before the beats of all together have come without a gap for the time of a presence, and not by a
-- process whose own link broke within that time. All times are of Redis' clock: it does not matter when a command was
-- sent; nor, where that clock jumps, what was noted before.
--
-- KEYS[1]    what the keys of the presences begin with
-- KEYS[2..]  the prefix of the keys of each queue, with its colon (in a cluster one queue, whose hash tag they all share)
-- ARGV[1..7] id of the process, time to live of a presence (milliseconds), since when its link holds ('broken' for not any
--            more, '' for a new one), 1 to look for jobs whose owner is not known, how long a lock holds (milliseconds),
--            1 to renew the locks of the jobs that are named, 2 of all jobs that this process holds; the number of this beat
-- ARGV[8..]  for each queue: name, how many crashes end a job, how many active jobs were looked at already, the number of
--            jobs that are held, id, lock token, id, lock token …
-- reply      {since, due, healthy, queue, queue …}: since when the link of this process holds; milliseconds until another
--            one may have to be rescued, -1 for none; for how long beats and link have held; and of each queue {superseded
--            ids, cancelled (id, failure, …), rescued (id, crashes, …), own (id, token, …), how many active jobs were looked
--            at if there are more, else 0}: what this process holds for the store, where all was looked at
local home = KEYS[1]
-- A sorted set of ids of processes by the time at which they count as gone, and the names of the queues of each.
local presence, serves = home .. 'hf:presence', home .. 'hf:serves'
-- Since when the beats have come without a gap, and the last one.
local pulse = home .. 'hf:pulse'
local me, ttl, link = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local everything, lockMs = ARGV[4] == '1', ARGV[5]
local extendsNamed, extendsAll, round = ARGV[6] ~= '0', ARGV[6] == '2', tonumber(ARGV[7])
local call = redis.call
-- What one call does at most, over all queues: active jobs that are looked at, jobs that are given back, idle queues
-- whose workers are woken.
local lookedAt, rescuedAtOnce, wokenAtOnce = 3000, 50, 32
local now = server_time(home .. 'hf:time')

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

local queues, at = {}, 8
local names = {}
for number = 2, #KEYS do
  local held = tonumber(ARGV[at + 3])
  queues[#queues + 1] = {
    base = KEYS[number], name = ARGV[at], crashLimit = tonumber(ARGV[at + 1]), offset = tonumber(ARGV[at + 2]),
    from = at + 4, to = at + 3 + 2 * held,
  }
  names[#names + 1] = ARGV[at]
  at = at + 4 + 2 * held
end

call('ZADD', presence, now + ttl, me)
call('HSET', serves, me, table.concat(names, ' '))
local workers = call('ZRANGE', presence, 0, 999, 'WITHSCORES')
local shortest = ttl
for index = 1, #workers, 2 do
  shortest = math.min(shortest, ttlOf(workers[index]))
end

-- A presence that is renewed after a third of its time can end after two thirds of it without a beat.
local seen = call('HMGET', pulse, 'since', 'last')
local since, last = tonumber(seen[1]), tonumber(seen[2])
if since == nil or last == nil or now - last > shortest * 7 / 12 or last > now + 1000 then
  since = now
end
call('HSET', pulse, 'since', text(since), 'last', text(now))
local linkSince = link == 'broken' and now or tonumber(link) or 0
if linkSince > now + 1000 then
  linkSince = now
end
local healthyFor = now - math.max(since, linkSince)

local due = -1
local function dueIn(milliseconds)
  if due < 0 or milliseconds < due then
    due = math.max(0, milliseconds)
  end
end

-- The processes that are gone, and which queues of theirs nobody has looked through since.
local dead = {}
for index = 1, #workers, 2 do
  local worker, goneAt = workers[index], tonumber(workers[index + 1])
  if goneAt > now + ttlOf(worker) + 1000 then
    -- It was noted by a clock that was ahead.
    goneAt = now + ttlOf(worker)
    call('ZADD', presence, goneAt, worker)
  end
  local wait = ttlOf(worker) - healthyFor
  if worker ~= me and goneAt > now then
    dueIn(goneAt - now)
  elseif worker ~= me and wait > 0 then
    -- Beats that are to show health come often enough for it, also where one of them is late.
    dueIn(math.min(wait, shortest / 6))
  elseif worker ~= me and goneAt > 0 and goneAt < now - 3600000 then
    -- What it left in queues that nobody works on is found by whoever begins to.
    call('ZREM', presence, worker)
    call('HDEL', serves, worker)
  elseif worker ~= me then
    local left = {}
    for name in string.gmatch(call('HGET', serves, worker) or '', '%S+') do
      left[name] = true
    end
    dead[worker] = left
  end
end

local function isLeftBy(worker, name)
  local left = dead[worker]
  return left and left[name]
end

local function anyLeft(name)
  for _, left in pairs(dead) do
    if left[name] then
      return true
    end
  end
  return false
end

-- What became of the jobs that run there.
local function ask(queue, superseded, cancelled)
  local base = queue.base
  local locks = {}
  for from = queue.from, queue.to, 400 do
    local keys = {}
    for index = from, math.min(queue.to, from + 399), 2 do
      keys[#keys + 1] = base .. ARGV[index] .. ':lock'
    end
    for number, lock in ipairs(call('MGET', unpack(keys))) do
      locks[from + 2 * (number - 1)] = lock
    end
  end
  for index = queue.from, queue.to, 2 do
    local id, token = ARGV[index], ARGV[index + 1]
    local key = base .. id
    local lock = locks[index]
    local isActive = lock ~= token and call('LPOS', base .. 'active', id)
    if not lock and isActive then
      -- It ran out, during a long pause, but nobody has taken the job: whoever does, takes it from this list first.
      call('SET', key .. ':lock', token, 'PX', lockMs)
      call('SREM', base .. 'stalled', id)
    elseif lock ~= token then
      -- This process was given up meanwhile. Where the job still waits, it is its own again; where somebody else runs it,
      -- both go on, and the first that completes it is the one that counts.
      local isThere = call('EXISTS', key) == 1
      local crashed = isThere and uncount_crash(key, token, queue.crashLimit)
      if not isActive and not (crashed and take_from_waiting(base, id, token, lockMs)) then
        local failed = isThere and call('ZSCORE', base .. 'failed', id)
        local ended = not isThere or failed or call('ZSCORE', base .. 'completed', id)
        if ended and not (crashed and failed and take_from_crashed(base, id, token, lockMs)) then
          superseded[#superseded + 1] = id
        end
      end
    elseif extendsNamed then
      call('PEXPIRE', key .. ':lock', lockMs)
    end
    local failure = call('HGET', key, 'defa')
    if failure then
      cancelled[#cancelled + 1] = id
      cancelled[#cancelled + 1] = failure
    end
  end
end

-- A job on its last life runs alone among such jobs, and says so (`hf:run`) when it begins: one that merely waited for
-- its turn beside the job that kills the workers is not counted.
local function rescue(queue, id, token, rescued)
  local key, crashLimit = queue.base .. id, queue.crashLimit
  local crashes = tonumber(call('HGET', key, 'hf:crashes')) or 0
  local counts = crashes < math.max(1, crashLimit - 1) or call('HGET', key, 'hf:run') == token
  local bullKeys = {}
  for _, name in ipairs({'active', 'wait', 'stalled', 'paused', 'meta', 'limiter', 'prioritized', 'marker', 'events'}) do
    bullKeys[#bullKeys + 1] = queue.base .. name
  end
  if bullmq(bullKeys, {id, token, key}) < 0 then
    return
  end
  call('HDEL', key, 'hf:run')
  if counts then
    crashes = call('HINCRBY', key, 'hf:crashes', 1)
    local left = call('HGET', key, 'hf:left')
    call('HSET', key, 'hf:left', left and (left .. ' ' .. token) or token)
  end
  if crashes >= crashLimit then
    -- The next worker that takes it fails it, without running it, in BullMQ's own way.
    call('HSETNX', key, 'defa', 'JOB_CRASHED_WORKER: The worker died ' .. crashes ..
      ' times while it ran this job, the maxCrashes of its queue.')
  end
  rescued[#rescued + 1] = id
  rescued[#rescued + 1] = crashes
end

-- Looks through the active jobs of a queue, the oldest first: they are at the end of the list. Replies where to go on.
local function look(queue, rescued, own)
  local base, offset = queue.base, queue.offset
  local active = call('LRANGE', base .. 'active', -(offset + lookedAt), -(offset + 1))
  local complete = #active < lookedAt
  lookedAt = lookedAt - #active
  for chunk = #active, 1, -200 do
    local keys = {}
    for index = chunk, math.max(1, chunk - 199), -1 do
      keys[#keys + 1] = base .. active[index] .. ':lock'
    end
    for index, token in ipairs(call('MGET', unpack(keys))) do
      local id = active[chunk + 1 - index]
      -- Only tokens of our own format: a plain BullMQ worker has no presence, and its jobs are none of our business.
      local owner = token and string.match(token, '^(hf%d+%.[%w%-]+)/%w+:%d+$')
      if owner == me then
        own[#own + 1] = id
        own[#own + 1] = token
        if extendsAll then
          call('PEXPIRE', keys[index], lockMs)
        end
      elseif owner and isLeftBy(owner, queue.name) then
        if rescuedAtOnce > 0 then
          rescuedAtOnce = rescuedAtOnce - 1
          rescue(queue, id, token, rescued)
        else
          complete = false
        end
      elseif owner and everything and not call('ZSCORE', presence, owner) then
        -- Nobody knows this process (its presence was lost with a Redis, or it was given up and came back): from now on
        -- it has the time of one presence to say that it lives.
        call('ZADD', presence, now + ttlOf(owner), owner)
        call('HSET', serves, owner, queue.name)
      end
    end
  end
  if complete then
    for _, left in pairs(dead) do
      left[queue.name] = nil
    end
    return 0
  end
  if anyLeft(queue.name) then
    dueIn(0)
  end
  return rescuedAtOnce > 0 and offset + #active - #rescued / 2 or offset
end

-- Whoever blocks is woken by a marker. BullMQ makes none for a prioritized job that comes back, and one that was made
-- may have gone to a worker that is cut off and for Redis still blocks.
-- So is the time of a delayed job, which is part of the marker that nobody has any more.
local function wake(base)
  local waiting = call('ZCARD', base .. 'prioritized') + call('LLEN', base .. 'wait')
  local delayed = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  local isDue = #delayed > 0 and math.floor(tonumber(delayed[2]) / 0x1000) <= now
  if (waiting > 0 or isDue) and call('HEXISTS', base .. 'meta', 'paused') == 0 then
    call('ZADD', base .. 'marker', 0, '0')
  end
end

local reply = {text(linkSince), 0, healthyFor}
-- Each beat begins with another queue, so that whatever is bounded comes to all of them.
local count = #queues
for step = 0, count - 1 do
  local number = (round + step) % count + 1
  local queue = queues[number]
  local superseded, cancelled, rescued, own = {}, {}, {}, {}
  ask(queue, superseded, cancelled)
  local offset = queue.offset
  if everything or extendsAll or anyLeft(queue.name) then
    if lookedAt > 0 then
      offset = look(queue, rescued, own)
    elseif anyLeft(queue.name) then
      dueIn(0)
    end
  end
  if #rescued > 0 or (wokenAtOnce > 0 and step < wokenAtOnce) then
    wake(queue.base)
  end
  reply[3 + number] = {superseded, cancelled, rescued, own, offset}
end

-- A process that is gone is forgotten when all its queues were looked through; by whoever has the last of them.
for worker, left in pairs(dead) do
  local others = {}
  for name in pairs(left) do
    others[#others + 1] = name
  end
  if #others == 0 then
    call('ZREM', presence, worker)
    call('HDEL', serves, worker)
  else
    call('HSET', serves, worker, table.concat(others, ' '))
  end
end
reply[2] = due
return reply
