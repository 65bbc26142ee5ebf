-- Stores what was loaded, only while the lease is still there: a set, a delete, an expiry or an invalidation of a tag
-- during the load beats it. A load of what was missing has a marker in the place of its entry; one of what is there has
-- a lease under a key of its own, and the entry must still be that revision.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not empty; then for each entry its key, and the lease's where
--         the entry is loaded anew
-- ARGV    1: the epoch of the tags' state where there is none yet; empty when no entry has tags
--         then for each entry: token, rev of what is loaded anew (empty: it was missing), time to live in milliseconds
--         (0: no expiry), value, number of tags, the tags
-- reply   for each entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of the error.
--         Whatever it is, the lease has ended.
local function is_held(key, leaseKey, token, rev)
  local head = redis.pcall('GETRANGE', key, 0, 26)
  if type(head) ~= 'string' then
    return false
  elseif rev == '' then
    return head == 'HFL' .. token
  end
  local isSame = string.sub(head, 1, 3) == 'HF1' and string.sub(head, 20, 27) == rev
  return isSame and redis.pcall('GET', leaseKey) == 'HFL' .. token .. rev
end

local epoch, seq
local first = 1
if ARGV[1] ~= '' then
  first = 2
  epoch, seq = tags_begun(KEYS[1], ARGV[1])
end

local outcomes = {}
local at = 2
local index = first
while index <= #KEYS do
  local token, rev, ttl, value, tags = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  local key, leaseKey = KEYS[index], rev ~= '' and KEYS[index + 1]
  local isHeld = is_held(key, leaseKey, token, rev)
  local outcome = 0
  if isHeld then
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
        local name = ARGV[at + 4 + tag]
        if tags_score(KEYS[1], 'd:' .. name) > seenSeq or tags_score(KEYS[1], 'e:' .. name) > seenSeq then
          outcome = 2
        end
      end
      tags_outlive(KEYS[1], ttl)
    end
    if outcome == 1 then
      local reply
      if ttl == '0' then
        reply = redis.pcall('SET', key, value)
      else
        reply = redis.pcall('SET', key, value, 'PX', ttl)
      end
      if type(reply) == 'table' and reply.err then
        outcome = reply.err
      end
    end
    if rev == '' and outcome ~= 1 then
      redis.call('DEL', key)
    end
  end
  if leaseKey and redis.pcall('GET', leaseKey) == 'HFL' .. token .. rev then
    redis.call('DEL', leaseKey)
  end
  outcomes[#outcomes + 1] = outcome
  at = at + 5 + tags
  index = index + (leaseKey and 2 or 1)
end
return outcomes
