-- Shared, put before the scripts that use it: the time in milliseconds that was given, or the server's where that is empty.
local function time_of(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

