-- Adds a parent, its children and theirs through BullMQ's own scripts (put in place of the marks below): all of them, or
-- none.
--
-- Why a deadline: see guarded-add.lua.
--
-- KEYS[1]  the prefix of the keys of the root's queue; in a cluster all keys share its slot
-- ARGV     the latest time to run (milliseconds, Redis' clock), then for each job, parents before their children: its key,
--          the name of its script, how many keys that gets, how many arguments, those keys, those arguments
-- reply    {outcome, key}: 'late' (nothing done), 'existed' (the root is there; nothing done), 'conflict' (another job is
--          there, of which the key is told; nothing done), or 'added'
local call = redis.call
if server_time(KEYS[1] .. 'hf:time') > tonumber(ARGV[1]) then
  return {'late', ''}
end

local scripts = {}
function scripts.addParentJob(KEYS, ARGV)
--[[addParentJob]]
end

function scripts.addPrioritizedJob(KEYS, ARGV)
--[[addPrioritizedJob]]
end

function scripts.addDelayedJob(KEYS, ARGV)
--[[addDelayedJob]]
end

local jobs = {}
local at = 2
while at <= #ARGV do
  local job = {key = ARGV[at], script = scripts[ARGV[at + 1]], keys = {}, arguments = {}}
  local keys, arguments = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  at = at + 4
  for n = 0, keys - 1 do
    job.keys[n + 1] = ARGV[at + n]
  end
  for n = 0, arguments - 1 do
    job.arguments[n + 1] = ARGV[at + keys + n]
  end
  at = at + keys + arguments
  jobs[#jobs + 1] = job
end

for n, job in ipairs(jobs) do
  if call('EXISTS', job.key) == 1 then
    return {n == 1 and 'existed' or 'conflict', job.key}
  end
end
for _, job in ipairs(jobs) do
  job.script(job.keys, job.arguments)
end
return {'added', ''}
