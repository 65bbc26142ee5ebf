-- Adds any number of jobs to one queue through BullMQ's own scripts (put in place of the marks below), unless it comes
-- too late, and says of each what became of it.
--
-- Why a deadline: a command that was written to a connection may run long after its caller has given up, when a
-- stopped Redis goes on (closing the connection does not take it back: measured). So every add carries the time after
-- which it must not run any more.
-- Why many in one: a command costs more than the add inside it. A job that cannot be added does not touch the others.
--
-- Why markers: an add whose answer was lost is sent again, perhaps when its job has run and is gone. What is remembered of
-- an add is its own string, with the id of its job, or a place in the hash that the adds of one command share: `*` says
-- that all of them were dealt with, a field of its place what differs: the id of another job than it was to be, or '' when
-- it was not added. So a command costs two writes more, whatever it adds.
--
-- Why BullMQ's texts get tables: it packs what it hands to its scripts, and they unpack it, and write the options as JSON.
-- They come here as JSON, once for all jobs that have the same, so that this third of an add is not done for each.
--
-- KEYS     those of BullMQ's addPrioritizedJob, then those of its addDelayedJob; only of what is run
-- ARGV     the latest time to run (milliseconds, Redis' clock), how many of KEYS belong to addPrioritizedJob, what the
--          keys of the queue start with, what those of its markers start with, the marker that the adds share ('': none);
--          then for each job: its id, its own marker ('': none), its data, its name, its age (milliseconds; 0 for a new
--          one) and its options (JSON, the names as BullMQ stores them); each of the last three is '' where it is that of the
--          job before.
--          A marker is '<how long it lives, milliseconds> <name>'; of an add that a shared one had been sent with before,
--          its place follows: '<milliseconds> <name> <place>'. Places count from 1.
-- reply    {now, 'late'} when it came too late; else {now, 'done', then for each job that was not simply added: place,
--          outcome, id, state}; now in milliseconds, Redis' clock. Outcome 'existed' (a job of this id is there, or its
--          marker says that it was, or the de-duplication names another job: `id` is that job's) or 'error' (`id` is then
--          the message)
local call = redis.call
local now = server_time(ARGV[3] .. 'hf:time')
if now > tonumber(ARGV[1]) then
  return {tostring(now), 'late'}
end
local prefix, markers = ARGV[3], ARGV[4]

-- In the place of the libraries of these names, for BullMQ's texts below.
local decode, encode = cjson.decode, cjson.encode
local options, optionsText
local cmsgpack = {unpack = function(value) return value end}
-- BullMQ's texts encode the options of a job where they store it, and of one that exists not.
local isStored
local cjson = {encode = function(value)
  if value ~= options then
    return encode(value)
  end
  isStored = true
  return optionsText
end}

-- They also ask whether the job of a de-duplication id runs, where they would walk along the list of all that run.
local server = redis
local redis = setmetatable({pcall = function(command, key, id, ...)
  if command == 'LPOS' then
    return is_active(prefix, id)
  end
  return server.pcall(command, key, id, ...)
end}, {__index = server})

local function addPrioritized(KEYS, ARGV)
--[[addPrioritizedJob]]
end

local function addDelayed(KEYS, ARGV)
--[[addDelayedJob]]
end

local keys = {prioritized = {}, delayed = {}}
for n, key in ipairs(KEYS) do
  local own = n <= tonumber(ARGV[2]) and keys.prioritized or keys.delayed
  own[#own + 1] = key
end

local function stateOf(id)
  if call('EXISTS', prefix .. id) == 0 then
    return 'unknown'
  end
  return job_state(prefix, id) or 'waiting'
end

local function parseMarker(text)
  if text == '' then
    return nil
  end
  local ttl, name, place = string.match(text, '^(%d+) (%S+) ?(%d*)$')
  return {ttl = ttl, key = markers .. name, place = place ~= '' and place or nil}
end

-- The job that an add of this marker made, or found; nil when there was none.
local function markedJob(marker, id)
  if not marker.place then
    return call('GET', marker.key) or nil
  end
  local known = call('HMGET', marker.key, marker.place, '*')
  if known[1] then
    return known[1] ~= '' and known[1] or nil
  end
  return known[2] and id or nil
end

local function mark(marker, stored)
  if marker.place then
    call('HSET', marker.key, marker.place, stored)
    call('PEXPIRE', marker.key, marker.ttl)
  else
    call('SET', marker.key, stored, 'PX', marker.ttl)
  end
end

local function addOne(id, own, earlier, arguments)
  local marked = earlier and markedJob(earlier, id)
  if marked then
    return 'existed', marked, stateOf(marked)
  end
  isStored = false
  local isDelayed = (options.delay or 0) > 0
  local stored = isDelayed and addDelayed(keys.delayed, arguments) or addPrioritized(keys.prioritized, arguments)
  if type(stored) == 'number' then
    error('BullMQ refused the job with ' .. stored)
  end
  if own then
    mark(own, stored)
  end
  if not isStored or stored ~= id then
    return 'existed', stored, stateOf(stored)
  end
  return 'added', stored
end

local shared = parseMarker(ARGV[5])
-- Only where an add of this command was sent again, and got here first.
local overtaken = shared and call('EXISTS', shared.key) == 1
local differing, dealtWith = {}, false
local reply = {tostring(now), 'done'}
local name, timestamp
for at = 6, #ARGV, 6 do
  local place, id = (at - 6) / 6 + 1, ARGV[at]
  name = ARGV[at + 3] ~= '' and ARGV[at + 3] or name
  timestamp = ARGV[at + 4] ~= '' and string.format('%.0f', now - ARGV[at + 4]) or timestamp
  if ARGV[at + 5] ~= '' then
    optionsText = ARGV[at + 5]
    options = decode(optionsText)
  end
  -- The places of BullMQ's arguments; those that are missing are of flows and of schedules.
  local head = {prefix, id, name, timestamp}
  if options.parent then
    head[5] = options.parent.queue .. ':' .. options.parent.id
    head[7] = {id = options.parent.id, queueKey = options.parent.queue}
  end
  if options.de then
    head[9] = prefix .. 'de:' .. options.de.id
  end
  local own = parseMarker(ARGV[at + 1])
  local earlier = own or (overtaken and {key = shared.key, place = place})
  local done, outcome, stored, state = pcall(addOne, id, own, earlier, {head, ARGV[at + 2], options})
  if not done then
    local message = type(outcome) == 'table' and outcome.err or tostring(outcome)
    outcome, stored, state = 'error', message, ''
  end
  if shared and not own then
    dealtWith = dealtWith or done
    if not done or stored ~= id then
      differing[#differing + 1] = place
      differing[#differing + 1] = done and stored or ''
    end
  end
  if outcome ~= 'added' then
    for _, part in ipairs({tostring(place), outcome, stored, state}) do
      reply[#reply + 1] = part
    end
  end
end
-- Where nothing was added there is nothing to remember, and perhaps no memory to do so.
if dealtWith then
  call('HSET', shared.key, '*', '', unpack(differing))
  call('PEXPIRE', shared.key, shared.ttl)
end
return reply
