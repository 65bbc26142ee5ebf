-- Stores what was loaded, only while the lease is still there: a set, a delete, an expiry or an invalidation of a tag
-- during the load beats it.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not empty; then the entries' keys
-- ARGV    1: the epoch of the tags' hash where there is none yet; empty when no entry has tags
--         then for each entry: token, time to live in milliseconds (0: no expiry), value, number of tags, the tags
-- reply   for each entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of the error
local epoch, seq
local first = 1
if ARGV[1] ~= '' then
  first = 2
  epoch = redis.call('HGET', KEYS[1], 'epoch')
  if not epoch then
    epoch = ARGV[1]
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', 0)
  end
  seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
end

local outcomes = {}
local at = 2
for index = first, #KEYS do
  local key, token, ttl, value = KEYS[index], ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local tags = tonumber(ARGV[at + 3])
  local head = redis.pcall('GETRANGE', key, 0, 34)
  local isMarker = type(head) == 'string' and head == 'HFL' .. token
  local isEntry = type(head) == 'string' and string.sub(head, 1, 3) == 'HF1' and string.sub(head, 28, 35) == token
  local outcome = 0
  if isMarker or isEntry then
    outcome = 1
    if tags > 0 then
      local seenEpoch, seenSeq = string.sub(value, 72, 79), 0
      if seenEpoch == '++++++++' then
        -- There was no hash when the load began: one that has been used since may have said anything.
        if seq > 0 then
          outcome = 2
        end
        value = string.sub(value, 1, 71) .. epoch .. '00000000' .. string.sub(value, 88)
      else
        seenSeq = tonumber(string.sub(value, 80, 87), 36)
        if seenEpoch ~= epoch then
          outcome = 2
        end
      end
      for tag = 1, tags do
        local name = ARGV[at + 3 + tag]
        local noted = redis.call('HMGET', KEYS[1], 'd:' .. name, 'e:' .. name)
        if tonumber(noted[1] or '0') > seenSeq or tonumber(noted[2] or '0') > seenSeq then
          outcome = 2
        end
      end
    end
    local reply
    if outcome == 2 then
      if isMarker then
        reply = redis.pcall('DEL', key)
      else
        reply = redis.pcall('SETRANGE', key, 27, '--------000000000')
      end
    elseif ttl == '0' then
      reply = redis.pcall('SET', key, value)
    else
      reply = redis.pcall('SET', key, value, 'PX', ttl)
    end
    if type(reply) == 'table' and reply.err then
      outcome = reply.err
    end
  end
  outcomes[#outcomes + 1] = outcome
  at = at + 4 + tags
end
return outcomes
