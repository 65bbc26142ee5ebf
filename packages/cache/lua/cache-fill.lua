-- Stores what was loaded, only while the lease is still there: a set, a delete, an expiry or an invalidation of a tag
-- during the load beats it.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not empty; then the entries' keys
-- ARGV    1: the epoch of the tags' state where there is none yet; empty when no entry has tags
--         then for each entry: token, time to live in milliseconds (0: no expiry), value, number of tags, the tags
-- reply   for each entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of the error
local epoch, seq
local first = 1
if ARGV[1] ~= '' then
  first = 2
  epoch, seq = tags_begun(KEYS[1], ARGV[1])
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
        -- There was no state of tags when the load began: one that has been used since may have said anything.
        if seq > 0 then
          outcome = 2
        end
        value = string.sub(value, 1, 71) .. epoch .. '00000000' .. string.sub(value, 88)
      else
        seenSeq = tonumber(string.sub(value, 80, 87), 36)
        -- What was noted after the load began may have left the set meanwhile.
        if seenEpoch ~= epoch or seenSeq < tags_score(KEYS[1], '=from') then
          outcome = 2
        end
      end
      for tag = 1, tags do
        local name = ARGV[at + 3 + tag]
        if tags_score(KEYS[1], 'd:' .. name) > seenSeq or tags_score(KEYS[1], 'e:' .. name) > seenSeq then
          outcome = 2
        end
      end
      tags_outlive(KEYS[1], ttl)
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
