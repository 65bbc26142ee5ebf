-- Adds any number of jobs to one queue through BullMQ's own scripts (put in place of the marks below), unless it comes
-- too late, and says of each what became of it.
--
-- Why a deadline: a command that was written to a connection may run long after its caller has given up, when a
-- stopped Redis goes on (closing the connection does not take it back: measured). So every add carries the time after
-- which it must not run any more.
-- Why many in one: a command costs more than the add inside it. A job that cannot be added does not touch the others.
--
-- KEYS     those of BullMQ's addPrioritizedJob, then those of its addDelayedJob; only of what is run
-- ARGV     the latest time to run (milliseconds, Redis' clock), how many of KEYS belong to addPrioritizedJob, what the
--          keys of the queue start with, what those of its markers start with; then for each job: 'prioritized' or
--          'delayed', its id, the name of its marker ('': it has none), how long that lives (milliseconds), and BullMQ's
--          three arguments; the last of these, the options, is '' where they are those of the job before
-- reply    {now} when it came too late; else {now, then for each job: outcome, id, state}; now in milliseconds, Redis'
--          clock. Outcome 'added', 'existed' (a job of this id is there, or its marker says that it was, or the
--          de-duplication names another job: `id` is that job's) or 'error' (`id` is then the message)
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {tostring(now)}
if now > tonumber(ARGV[1]) then
  return reply
end
local prefix, markers = ARGV[3], ARGV[4]

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
  for _, state in ipairs({'prioritized', 'delayed', 'completed', 'failed', 'waiting-children'}) do
    if call('ZSCORE', prefix .. state, id) then
      return state
    end
  end
  return call('LPOS', prefix .. 'active', id) and 'active' or 'waiting'
end

local function addOne(kind, id, marker, markerTtl, arguments)
  local marked = marker ~= '' and call('GET', markers .. marker)
  if marked then
    return 'existed', marked, stateOf(marked)
  end
  local existed = call('EXISTS', prefix .. id) == 1
  local add = kind == 'delayed' and addDelayed or addPrioritized
  local stored = add(keys[kind], arguments)
  if type(stored) == 'number' then
    error('BullMQ refused the job with ' .. stored)
  end
  if marker ~= '' then
    call('SET', markers .. marker, stored, 'PX', markerTtl)
  end
  if existed or stored ~= id then
    return 'existed', stored, stateOf(stored)
  end
  return 'added', stored, kind
end

local options = ''
for at = 5, #ARGV, 7 do
  if ARGV[at + 6] ~= '' then
    options = ARGV[at + 6]
  end
  local arguments = {ARGV[at + 4], ARGV[at + 5], options}
  local done, outcome, id, state = pcall(addOne, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], arguments)
  if not done then
    local message = type(outcome) == 'table' and outcome.err or tostring(outcome)
    outcome, id, state = 'error', message, ''
  end
  reply[#reply + 1] = outcome
  reply[#reply + 1] = id
  reply[#reply + 1] = state
end
return reply
