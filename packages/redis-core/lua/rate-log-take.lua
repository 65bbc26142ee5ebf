-- Shared, put before the scripts that use it: a log of what was taken in the last so many milliseconds.
--
-- Never more than the limit is taken in any span of time of that length, its ends included. A log of single amounts would
-- grow with the limit, so amounts that follow each other share a chunk, of at most a 32nd of the limit, which counts until the
-- last of them is too old: at most a 32nd of the limit is granted too late, and nothing too early.
--
-- The log is a text, '<time>:<amount>' for each chunk, oldest first. A time that is yet to come was noted by a clock that was
-- ahead, and becomes now.
--
-- amount   0 only asks
-- since    nil, or a time: this amount was taken then or later, and its place in the log moves to now
-- returns  1 or 0: whether it was taken; how much is left; milliseconds until this amount could be taken (0: it was; -1: never);
--          milliseconds until nothing is noted any more
local function rate_log_take(key, amount, limit, per, now, since)
  local chunks, used = {}, 0
  for at, size in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+)') do
    local chunk = {at = math.min(tonumber(at), now), size = tonumber(size)}
    if chunk.at + per >= now then
      chunks[#chunks + 1] = chunk
      used = used + chunk.size
    end
  end

  -- Where another amount was noted between that one and its own note, the place is the other's: a later note then stands for it.
  local from
  for place = 1, since and since + per >= now and #chunks or 0 do
    if not from and chunks[place].at >= since and chunks[place].size >= amount then
      from = place
    end
  end

  local wait = 0
  if used - (from and amount or 0) + amount > limit then
    wait = -1
    local left = used
    for _, chunk in ipairs(chunks) do
      left = left - chunk.size
      if left + amount <= limit then
        wait = chunk.at + per + 1 - now
        break
      end
    end
  elseif amount > 0 then
    if from then
      used = used - amount
      chunks[from].size = chunks[from].size - amount
      if chunks[from].size == 0 then
        table.remove(chunks, from)
      end
    end
    local last = chunks[#chunks]
    if last and (last.at == now or (last.size + amount) * 32 <= limit) then
      last.at = now
      last.size = last.size + amount
    else
      chunks[#chunks + 1] = {at = now, size = amount}
    end
    used = used + amount
    local texts = {}
    for place, chunk in ipairs(chunks) do
      texts[place] = string.format('%.0f:%.0f', chunk.at, chunk.size)
    end
    redis.call('SET', key, table.concat(texts, ' '), 'PX', string.format('%.0f', per + 1))
  end

  local last = chunks[#chunks]
  local reset = last and last.at + per + 1 - now or 0
  return wait == 0 and 1 or 0, math.max(0, limit - used), wait, reset
end

