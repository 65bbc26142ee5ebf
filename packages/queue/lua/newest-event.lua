-- Shared, put before the scripts that use it: the id of the newest event of the queue, '' where there is none.
local function newest_event(prefix)
  local newest = redis.pcall('XREVRANGE', prefix .. 'events', '+', '-', 'COUNT', 1)
  return newest[1] and newest[1][1] or ''
end

