-- One page of the dead letters of a queue, the newest first.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     how many at most; how many bytes of data at most; then, for a page behind another one, when the
--          last job of that page failed (milliseconds) and its id
-- reply    for each job {id, failedAt, name, data, failedReason, stacktrace, atm, timestamp}; then 'more' or 'end'
local prefix = KEYS[1]
local failed = prefix .. 'failed'
local limit = tonumber(ARGV[1])
local budget = tonumber(ARGV[2])
local from = ARGV[3] or '+inf'
local after = ARGV[4]

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

-- Those that failed in the same millisecond as the last one and were on the page before are passed over here.
local offset = 0
local reply = {}
while true do
  local batch = redis.call('ZREVRANGEBYSCORE', failed, from, '-inf', 'WITHSCORES', 'LIMIT', offset, limit + 1)
  for at = 1, #batch, 2 do
    local id, score = batch[at], batch[at + 1]
    if after == nil or tonumber(score) < tonumber(from) or isBefore(id, after) then
      -- Not one that is gone while its id is still listed, nor an id that is too long to be asked for (job-id.ts).
      if #id <= 4096 and redis.call('TYPE', prefix .. id).ok == 'hash' then
        local fields = redis.call('HMGET', prefix .. id, 'name', 'data', 'failedReason', 'stacktrace', 'atm', 'timestamp')
        budget = budget - #(fields[2] or '')
        -- One that is larger than a page has a page of its own.
        if #reply == limit or (budget < 0 and #reply > 0) then
          reply[#reply + 1] = 'more'
          return reply
        end
        reply[#reply + 1] = {id, score, unpack(fields, 1, 6)}
      end
    end
  end
  if #batch < 2 * (limit + 1) then
    reply[#reply + 1] = 'end'
    return reply
  end
  offset = offset + limit + 1
end
