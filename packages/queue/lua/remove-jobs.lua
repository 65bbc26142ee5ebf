-- Removes jobs of one state, as many as are enough work for one command: of those that have ended the oldest, of those that wait
-- the next to run. Of a job that stays nothing is read but its age.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the key that holds the state, without the prefix; how many jobs at most; only those that are older than so many
--          milliseconds ('' for all: since their end, or since they were added or redriven); the time before which that was,
--          from the first reply ('' in the first call); then where to go on, from the reply before: a place and an id
-- reply    {removed, 'more' or 'end', that time, place, id, remaining}: `remaining` of those that have ended: how many are left
local prefix, state = KEYS[1], ARGV[1]
local key = prefix .. state
local most = tonumber(ARGV[2])
local now = server_time(prefix .. 'hf:time', true)
local is_any_age = ARGV[3] == ''
local before = ARGV[4] ~= '' and tonumber(ARGV[4]) or now - (tonumber(ARGV[3]) or 0)
local place, after = ARGV[5], ARGV[6]
-- How many are looked at in one command, and how far a list is searched for the one to go on behind.
local window, search = 400, 2000
local removed = 0

-- The first command that writes must be one that frees memory: see fail-job.lua.
redis.call('DEL', prefix .. 'hf:time')

local function text(number)
  return string.format('%.0f', number)
end

local function reply(is_done, remaining)
  return {removed, is_done and 'end' or 'more', text(before), place or '', after or '', remaining or 0}
end

local function ended()
  local range = text(before)
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', range, 'LIMIT', 0, math.min(most, window))
  for _, id in ipairs(ids) do
    if is_enough() then
      break
    end
    remove_job(prefix, id, state, now)
    -- Also where only the entry was left.
    redis.call('ZREM', key, id)
    removed = removed + 1
  end
  local remaining = redis.call('ZCOUNT', key, '-inf', range)
  return reply(remaining == 0, remaining)
end

-- Whether a job that waits is old enough. One of which nothing can be read is.
local function is_old(id)
  if is_any_age then
    return true
  end
  local fields = redis.pcall('HMGET', prefix .. id, 'timestamp', 'opts')
  local redriven_at = fields[2] and fields[2]:match('^{"redriven":%d+,"redrivenAt":(%d+)')
  local since = math.max(tonumber(fields[1]) or 0, tonumber(redriven_at) or 0)
  return since <= before
end

-- Goes through ids, the next to run first; calls `gone` for each that was removed. Whether it came to the end of them.
local function go_through(ids, gone, stays)
  for _, id in ipairs(ids) do
    if is_enough() or removed == most then
      return false
    end
    if is_old(id) and remove_job(prefix, id, state, now) == 'removed' then
      removed = removed + 1
      gone(id)
    else
      stays(id)
    end
  end
  return true
end

local function sorted_set()
  local from = 0
  if after then
    local rank = redis.call('ZRANK', key, after)
    from = rank and rank + 1 or redis.call('ZCOUNT', key, '-inf', '(' .. place)
  end
  local ids = redis.call('ZRANGE', key, from, from + window - 1)
  local last
  local is_through = go_through(ids, function(id)
    -- Also where only the entry was left.
    redis.call('ZREM', key, id)
  end, function(id)
    last = id
  end)
  if last then
    place, after = redis.call('ZSCORE', key, last), last
  end
  return reply(is_through and #ids < window)
end

-- How many stand before the one to go on behind: jobs leave at the old end, so it is where it was or nearer to that end.
local function passed_over()
  if not after then
    return 0
  end
  local near = math.min(math.max(0, math.floor(tonumber(place) or 0)), redis.call('LLEN', key))
  local nearest = math.max(0, near - search)
  local ids = near > 0 and redis.call('LRANGE', key, -near, -(nearest + 1)) or {}
  for n, id in ipairs(ids) do
    if id == after then
      return near - n + 1
    end
  end
  return 0
end

local function list()
  local passed = passed_over()
  local found = redis.call('LRANGE', key, -(passed + window), -(passed + 1))
  local ids = {}
  for n = #found, 1, -1 do
    ids[#ids + 1] = found[n]
  end
  local is_through = go_through(ids, function(id)
    -- All that stand before it, seen from the old end, are those that stay.
    if passed == 0 then
      redis.call('RPOP', key)
    else
      redis.call('LREM', key, -1, id)
    end
  end, function(id)
    passed, after = passed + 1, id
  end)
  place = tostring(passed)
  return reply(is_through and #ids < window)
end

if state == 'completed' or state == 'failed' then
  return ended()
end
return state == 'wait' and list() or sorted_set()
