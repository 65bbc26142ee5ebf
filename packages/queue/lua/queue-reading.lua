-- Counts of a queue and the age of the job that waits longest, in one command.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- reply    {paused, waiting, prioritized, active, delayed, completed, failed, waitingChildren, since}; `since` is the
--          time (milliseconds) from which the oldest job that could run has been able to, '' when there is none,
--          as in a paused queue;
--          then now (milliseconds, Redis' clock), and how many workers of ours have said lately that they are there
local prefix = KEYS[1]
local call = redis.call
local now = server_time(prefix .. 'hf:time', true)
local oldest = nil

local function consider(since)
  if since ~= nil and since <= now and (oldest == nil or since < oldest) then
    oldest = since
  end
end

-- A job can run from when it was added plus its delay, or was redriven; one that was tried, from its last start plus its
-- back-off.
local function considerJob(id)
  -- What is no hash is no job, and leaves the counts as they are.
  local fields = redis.pcall('HMGET', prefix .. id, 'timestamp', 'delay', 'processedOn', 'opts')
  local from = tonumber(fields[1])
  if from ~= nil then
    local redriven = (fields[4] or ''):match('^{"redriven":%d+,"redrivenAt":(%d+)')
    consider(math.max(from, tonumber(fields[3]) or 0, tonumber(redriven) or 0) + (tonumber(fields[2]) or 0))
  end
end

-- The job at the end of a list is the next to run, and so the oldest.
for _, list in ipairs({'wait', 'paused'}) do
  local last = call('LINDEX', prefix .. list, -1)
  if last then
    considerJob(last)
  end
end

-- Within one priority the first is the oldest: the score is priority * 2^32 + a counter. Sixteen priorities are
-- looked at; three are used unless callers invent their own.
local from = '-inf'
for _ = 1, 16 do
  local head = call('ZRANGEBYSCORE', prefix .. 'prioritized', from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #head == 0 then
    break
  end
  considerJob(head[1])
  from = string.format('%.0f', (math.floor(tonumber(head[2]) / 0x100000000) + 1) * 0x100000000)
end

-- A delayed job whose time has come waits too, although only a worker moves it; its score is the time * 4096 + n.
local due = call('ZRANGE', prefix .. 'delayed', 0, 0, 'WITHSCORES')
if #due > 0 then
  consider(math.floor(tonumber(due[2]) / 0x1000))
end

local paused = call('HEXISTS', prefix .. 'meta', 'paused')
if paused == 1 then
  oldest = nil
end

-- Of each process that said lately that it is there, whether it works on this queue.
local workers = 0
local present = call('ZRANGEBYSCORE', KEYS[2] .. 'hf:presence', now, '+inf', 'LIMIT', 0, 1000)
if #present > 0 then
  for _, names in ipairs(call('HMGET', KEYS[2] .. 'hf:serves', unpack(present))) do
    if names and string.find(' ' .. names .. ' ', ' ' .. ARGV[1] .. ' ', 1, true) then
      workers = workers + 1
    end
  end
end

return {
  paused,
  call('LLEN', prefix .. 'wait') + call('LLEN', prefix .. 'paused'),
  call('ZCARD', prefix .. 'prioritized'),
  call('LLEN', prefix .. 'active'),
  call('ZCARD', prefix .. 'delayed'),
  call('ZCARD', prefix .. 'completed'),
  call('ZCARD', prefix .. 'failed'),
  call('ZCARD', prefix .. 'waiting-children'),
  oldest and string.format('%.0f', oldest) or '',
  tostring(now),
  workers,
}
