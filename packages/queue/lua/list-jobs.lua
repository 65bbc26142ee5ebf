-- One page of the jobs of a queue that are in one state. Reads only; costs what the page costs, however long the queue.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the key that holds the state, without the prefix; its order: 'up' or 'down' for a sorted set, 'fifo' for a
--          list whose end is the oldest, 'ids' for those of `active` that are given; how many jobs at most; how many ids may
--          be looked at; how many bytes of jobs end the page; the name that a job must have, '' for any; then, for a page behind
--          another one, the place of the last id that was looked at, and that id; or, for 'ids', those ids, in their order
-- reply    {'more' or 'end', place and id of the last one looked at, how many ids were looked at, bytes of the jobs, then for
--          each job {id, its hash as a list}}
--
-- A place is the score in a sorted set, and the distance from the oldest in a list. It is only a hint where the id is
-- still there: the page begins behind the id, wherever that has moved. Where it is gone, a sorted set goes on where it
-- was; a list of waiting jobs begins again with the oldest, because all that was before a job that left has left too.
local call = redis.call
local prefix, order = KEYS[1], ARGV[2]
local key = prefix .. ARGV[1]
local limit, lookups, budget, name = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local place, after = ARGV[7], ARGV[8]
if order == 'ids' then
  place, after = nil, nil
end
-- Further than this a list is not searched for an id.
local window = 2000

-- As Redis orders members of one score. Lua's own comparison depends on the locale.
local function isBefore(left, right)
  for at = 1, math.min(#left, #right) do
    local a, b = left:byte(at), right:byte(at)
    if a ~= b then
      return a < b
    end
  end
  return #left < #right
end

local reply = {'end', place or '', after or '', 0, 0}
local found = 0

-- Puts a job on the page, if it fits; says whether the page goes on.
local function take(id, at)
  if found == limit or lookups == 0 or budget <= 0 then
    reply[1] = 'more'
    return false
  end
  lookups = lookups - 1
  reply[2], reply[3], reply[4] = at, id, reply[4] + 1
  -- An id that is too long to be asked for (job-id.ts).
  if #id > 4096 then
    return true
  end
  local jobKey = prefix .. id
  if name ~= '' and redis.pcall('HGET', jobKey, 'name') ~= name then
    return true
  end
  -- Neither a hash nor anything: a marker, or a job that is gone while its id is still listed.
  local fields = redis.pcall('HGETALL', jobKey)
  if fields.err or #fields == 0 then
    return true
  end
  local bytes = 0
  for n = 2, #fields, 2 do
    -- It has ended since it was said to run.
    if order == 'ids' and fields[n - 1] == 'finishedOn' and tonumber(fields[n]) then
      return true
    end
    bytes = bytes + #fields[n]
  end
  budget, reply[5] = budget - bytes, reply[5] + bytes
  found = found + 1
  reply[#reply + 1] = {id, fields}
  return true
end

-- A score as digits, which is what a place is made of. What no time can be (1e+300, inf) is at the edge of what can.
local function placeOf(score)
  if score:find('^%-?%d+%.?%d*$') then
    return score
  end
  return string.format('%.0f', math.max(-9007199254740991, math.min(tonumber(score), 9007199254740991)))
end

local function sortedSet()
  local isUp = order == 'up'
  local from = 0
  if after then
    local rank = call(isUp and 'ZRANK' or 'ZREVRANK', key, after)
    local score = rank and call('ZSCORE', key, after)
    if score and tonumber(placeOf(score)) == tonumber(place) then
      from = rank + 1
    else
      -- How many come before those of the same score, which are in the order of their ids: any number may have ended in one
      -- millisecond, so the first one behind the id is searched for by halves.
      from = isUp and call('ZCOUNT', key, '-inf', '(' .. place) or call('ZCOUNT', key, '(' .. place, '+inf')
      local behind = from + call('ZCOUNT', key, place, place)
      while from < behind do
        local middle = math.floor((from + behind) / 2)
        local id = call(isUp and 'ZRANGE' or 'ZREVRANGE', key, middle, middle)[1]
        if isUp and isBefore(after, id) or not isUp and isBefore(id, after) then
          behind = middle
        else
          from = middle + 1
        end
      end
    end
  end
  while true do
    local batch = call(isUp and 'ZRANGE' or 'ZREVRANGE', key, from, from + 99, 'WITHSCORES')
    for n = 1, #batch, 2 do
      if not take(batch[n], placeOf(batch[n + 1])) then
        return
      end
    end
    if #batch < 200 then
      return
    end
    from = from + 100
  end
end

local function fifo()
  local from = 0
  if after then
    -- A place may come from outside.
    local near = math.min(math.max(0, math.floor(tonumber(place))), call('LLEN', key))
    -- Jobs leave at the old end, so the id is where it was or nearer to that end.
    local nearest = math.max(0, near + 1 - window)
    local ids = call('LRANGE', key, -(near + 1), -(nearest + 1))
    for n, id in ipairs(ids) do
      if id == after then
        from = nearest + #ids - n + 1
        break
      end
    end
  end
  while true do
    local batch = call('LRANGE', key, -(from + 100), -(from + 1))
    for n = #batch, 1, -1 do
      if not take(batch[n], tostring(from + #batch - n)) then
        return
      end
    end
    if #batch < 100 then
      return
    end
    from = from + 100
  end
end

-- Which jobs run was asked for before.
local function byId()
  for at = 7, #ARGV do
    if not take(ARGV[at], '0') then
      return
    end
  end
end

if order == 'fifo' then
  fifo()
elseif order == 'ids' then
  byId()
else
  sortedSet()
end
return reply
