-- Shared, put before the scripts that use it: the time in milliseconds that was given, or the server's where that is empty.
-- Rules of access may forbid TIME; the id that Redis makes for an entry of a stream says the same.
local function time_of(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.pcall('TIME')
  if not time.err then
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
  -- A key that nobody uses, in the slot of the first, and as well allowed.
  local scratch = KEYS[1] .. (string.find(KEYS[1], '{', 1, true) and ':time' or ':{' .. KEYS[1] .. '}')
  local id = redis.call('XADD', scratch, '*', 'time', '')
  redis.call('DEL', scratch)
  return tonumber(string.match(id, '^%d+'))
end

