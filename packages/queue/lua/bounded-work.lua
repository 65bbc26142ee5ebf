-- Shared, put before everything else: counts what a script has Redis do, BullMQ's texts inside it included, so that one which
-- works through many jobs stops when that is enough for one command. Redis serves nobody else meanwhile.
local work_done = 0
local redis = (function(server)
  local counted = {}
  function counted.call(...)
    work_done = work_done + 1
    return server.call(...)
  end
  function counted.pcall(...)
    work_done = work_done + 1
    return server.pcall(...)
  end
  return counted
end)(redis)

-- Some 1 ms; what is begun then, for one job, is ended.
local function is_enough()
  return work_done >= 500
end

