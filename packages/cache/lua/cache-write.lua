-- Writes entries, each by itself: one that fails does not keep the others from being written.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not empty; then the entries' keys
-- ARGV    1: the epoch of the tags' state where there is none yet; empty when no entry has tags
--         then for each entry its time to live in milliseconds (0: no expiry) and its value
-- reply   for each entry: 0 created, 1 replaced, 2 rewritten with an equal body, or the text of the error
local first = 1
local stamp
if ARGV[1] ~= '' then
  first = 2
  local epoch, seq = tags_begun(KEYS[1], ARGV[1])
  stamp = epoch .. base36(seq, 8)
end

-- Of the entry with tags that is kept longest ('0': for ever).
local longest
local outcomes = {}
for index = first, #KEYS do
  local at = (index - first) * 2 + 2
  local key, ttl, value = KEYS[index], ARGV[at], ARGV[at + 1]
  -- '++++++++' in the place of the epoch asks for a stamp of this moment.
  if stamp and string.sub(value, 72, 79) == '++++++++' then
    value = string.sub(value, 1, 71) .. stamp .. string.sub(value, 88)
    if not longest or (longest ~= '0' and (ttl == '0' or tonumber(ttl) > tonumber(longest))) then
      longest = ttl
    end
  end
  local before = redis.pcall('GETRANGE', key, 0, 18)
  local outcome = 1
  if before == '' or (type(before) == 'string' and (string.sub(before, 1, 3) == 'HFL' or string.sub(before, 1, 3) == 'HFE')) then
    outcome = 0
  elseif before == string.sub(value, 1, 19) then
    outcome = 2
  end
  local reply
  if ttl == '0' then
    reply = redis.pcall('SET', key, value)
  else
    reply = redis.pcall('SET', key, value, 'PX', ttl)
  end
  if type(reply) == 'table' and reply.err then
    outcome = reply.err
  end
  outcomes[#outcomes + 1] = outcome
end
if longest then
  tags_outlive(KEYS[1], longest)
end
return outcomes
