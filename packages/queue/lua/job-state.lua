-- Shared, put before the scripts that use it: the state of a job, at a cost that does not grow with its queue.
--
-- The sorted sets know their members. `active`, `wait` and `paused` are lists, along which Redis would walk to find an id, so
-- only their oldest ends are looked at: a job that runs is known by its lock, which its worker keeps, and one whose lock has
-- ended is among the oldest. What is in none of them, where a list was not looked at as a whole, waits.
local list_window = 1000
-- For all calls of one script together.
local list_steps_left = 8000
local list_lengths = {}

-- Whether an id is among the oldest of a list, and whether that was all of the list.
local function find_in_list(key, id)
  list_lengths[key] = list_lengths[key] or redis.call('LLEN', key)
  local steps = math.min(list_lengths[key], list_window, list_steps_left)
  if steps == 0 then
    return false, list_lengths[key] == 0
  end
  list_steps_left = list_steps_left - steps
  return redis.call('LPOS', key, id, 'RANK', -1, 'MAXLEN', steps), steps == list_lengths[key]
end

-- Whether a worker has it.
local function is_active(prefix, id)
  return redis.call('EXISTS', prefix .. id .. ':lock') == 1 or (find_in_list(prefix .. 'active', id) and true)
end

-- nil for what is no job of the queue, such as a key that only looks like one of a job.
local function job_state(prefix, id)
  local call = redis.call
  for _, state in ipairs({'completed', 'failed'}) do
    if call('ZSCORE', prefix .. state, id) then
      return state
    end
  end
  if call('EXISTS', prefix .. id .. ':lock') == 1 then
    return 'active'
  end
  for _, state in ipairs({'prioritized', 'delayed', 'waiting-children'}) do
    if call('ZSCORE', prefix .. state, id) then
      return state
    end
  end
  local is_whole = true
  for _, list in ipairs({'active', 'wait', 'paused'}) do
    local found, whole = find_in_list(prefix .. list, id)
    if found then
      return list == 'active' and 'active' or 'waiting'
    end
    is_whole = is_whole and whole
  end
  if not is_whole and redis.pcall('HEXISTS', prefix .. id, 'timestamp') == 1 then
    return 'waiting'
  end
end

