-- Shared, put behind fail-job.lua: removes a job with all that belongs to it, through BullMQ's own `removeJob` (put in place of
-- the marker below).
--
-- A parent that waits for the job must not go on as if it had succeeded, which is what BullMQ lets it do: the job counts as a
-- child that has failed. So its parent fails, or goes on without its result where the job was to be ignored when it fails.

-- A parent that waits for nothing any more goes on.
local function release(KEYS, ARGV)
--[[releaseParentIfNoPendingDependencies]]
end

local removed_child = 'JOB_REMOVED: The job was removed before it had succeeded.'

local function split_key(key, id)
  if type(id) == 'string' and id ~= '' and key:sub(-#id - 1) == ':' .. id then
    return key:sub(1, -#id - 1), id
  end
  return key:match('^(.*:)(.*)$')
end

-- A parent that is not in this list runs, or has its own reasons to wait: it is told when it is done with those.
local function fail_parent(key, prefix, id, child, now)
  local queue, child_id = child:match('([^:]*):([^:]*)$')
  local failure = string.format('JOB_CHILD_REMOVED: The job %s of the queue "%s" was removed, which this one waited for.', child_id or child,
    queue or '')
  redis.call('ZADD', key .. ':unsuccessful', now, child)
  if redis.call('ZREM', prefix .. 'waiting-children', id) == 1 then
    fail_job(prefix, id, failure, now)
  elseif redis.call('TYPE', key).ok == 'hash' and not redis.call('ZSCORE', prefix .. 'failed', id) then
    redis.call('HSET', key, 'defa', failure)
  end
end

local function leave_parent(child, parent_key, parent_data, now)
  if not parent_key or parent_key == '' or redis.call('SREM', parent_key .. ':dependencies', child) == 0 then
    return
  end
  local is_read, parent = pcall(cjson.decode, parent_data or '')
  if not is_read or type(parent) ~= 'table' then
    parent = {}
  end
  local prefix, id = split_key(parent_key, parent.id)
  local is_noted = not parent.fpof and (parent.idof or parent.cpof)
  if is_noted then
    redis.call('HSET', parent_key .. ':failed', child, removed_child)
  end
  if is_noted or (parent.rdof and not parent.fpof) then
    -- One that goes on whatever its other children do waits for none: for those of a key that is not there.
    local pending = parent_key .. (parent.cpof and ':holdfast:none' or ':dependencies')
    release({parent_key, pending}, {prefix:sub(1, -2), id, string.format('%.0f', now)})
  else
    fail_parent(parent_key, prefix, id, child, now)
  end
end

-- Where the job was is known, and its entry there has been taken out or goes with it. BullMQ's text would look for it in
-- one set after the other, and at each job of a list; and it would free what may be much while others wait.
local function remove_from(state, KEYS, ARGV)
  local server, prefix = redis, ARGV[3]
  local sets = {}
  for _, name in ipairs({'completed', 'waiting-children', 'delayed', 'failed', 'prioritized'}) do
    sets[prefix .. name] = name
  end
  local redis = {}
  function redis.call(command, key, ...)
    if command == 'ZSCORE' and sets[key] then
      return sets[key] == state and '0'
    elseif command == 'LREM' and state == 'wait' then
      return 1
    end
    return server.call(command == 'DEL' and 'UNLINK' or command, key, ...)
  end
--[[removeJob]]
end

-- Whether it is the one that a schedule has waiting: without it the schedule would end.
local function is_next_of_schedule(prefix, id, schedule)
  local due = schedule and redis.call('ZSCORE', prefix .. 'repeat', schedule)
  return due and id == 'repeat:' .. schedule .. ':' .. due
end

-- state  where it is, as BullMQ names the key
-- now    milliseconds, the clock of Redis
-- reply  'removed', or why it stays: 'locked', 'schedule'
local function remove_job(prefix, id, state, now)
  local key = prefix .. id
  local kind = redis.call('TYPE', key).ok
  -- A key of another kind has only the name of a job: it stays, and its entry goes.
  if kind ~= 'hash' and kind ~= 'none' then
    if state ~= 'wait' then
      redis.call('ZREM', prefix .. state, id)
    end
    return 'removed'
  end
  local has_ended = state == 'completed' or state == 'failed'
  if kind == 'hash' then
    if has_ended then
      redis.call('UNLINK', key .. ':lock')
    elseif redis.call('EXISTS', key .. ':lock') == 1 then
      return 'locked'
    end
    local fields = redis.call('HMGET', key, 'rjk', 'parentKey', 'parent')
    if not has_ended and is_next_of_schedule(prefix, id, fields[1]) then
      return 'schedule'
    end
    leave_parent(key, fields[2], fields[3], now)
  end
  -- The second key is where schedules are: one that is not there, as that was looked at above.
  remove_from(state, {key, prefix .. 'holdfast:none'}, {id, '0', prefix})
  return 'removed'
end

