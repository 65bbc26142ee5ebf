-- Shared, put before the scripts that use it: what the tags of a namespace went through (see src/tags-state.ts).

-- Its epoch and the newest seq; nil where there is none. The member of the epoch is the last one: its score is the highest,
-- and its name sorts behind all others.
local function tags_state(key)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[1] and string.sub(last[1], 1, 1) == '~' then
    return string.sub(last[1], 2), tonumber(last[2])
  end
end

-- The same, begun with that epoch where there is none.
local function tags_begun(key, new_epoch)
  local epoch, seq = tags_state(key)
  if epoch then
    return epoch, seq
  end
  redis.call('ZADD', key, 0, '~' .. new_epoch)
  return new_epoch, 0
end

-- What a lease asks for: '1' the stamp {epoch, seq}, false where there is none; or an epoch to begin with there.
local function tags_stamp(key, asked)
  local epoch, seq
  if asked == '1' then
    epoch, seq = tags_state(key)
  else
    epoch, seq = tags_begun(key, asked)
  end
  return epoch and { epoch, seq } or false
end

local function tags_score(key, member)
  return tonumber(redis.call('ZSCORE', key, member) or '0')
end

-- An entry that is kept for so many milliseconds ('0': for ever) has tags: what is noted of them must be kept for as long.
local function tags_outlive(key, ttl)
  local life = ttl == '0' and 1e15 or tonumber(ttl)
  if life > -tags_score(key, '=life') then
    redis.call('ZADD', key, -life, '=life')
  end
end

-- Notes up to this seq are of before all entries that are still there, but for a minute by which clocks may differ.
local function tags_horizon(key, now)
  return now + tags_score(key, '=life') - 60000
end

-- The oldest notes up to a seq, as a flat list of members and scores.
local function tags_oldest(key, seq, limit)
  local range = redis.call('ZRANGE', key, 1, seq, 'BYSCORE', 'LIMIT', 0, limit + 1, 'WITHSCORES')
  local notes = {}
  for index = 1, #range, 2 do
    local kind = string.sub(range[index], 1, 1)
    if kind ~= '=' and kind ~= '~' then
      notes[#notes + 1] = range[index]
      notes[#notes + 1] = range[index + 1]
    end
  end
  return notes
end

-- What was noted up to this seq is not known any more: entries that have not seen it are invalid.
local function tags_forget(key, seq)
  if seq > -tags_score(key, '=floor') then
    redis.call('ZADD', key, -seq, '=floor')
  end
end

-- Forgets notes that are older than all entries, so many at most.
local function tags_trim(key, now, limit)
  local notes = tags_oldest(key, tags_horizon(key, now), limit)
  for index = 1, #notes, 2 do
    redis.call('ZREM', key, notes[index])
  end
  if #notes > 0 then
    redis.call('ZADD', key, notes[#notes], '=from')
    tags_forget(key, tonumber(notes[#notes]))
  end
end
