-- Writes an entry where there is none, in the place of what is no entry, or of one of which the caller knows that it is not served any more.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not empty; then the entry's key
-- ARGV    1: the epoch of the tags' state where there is none yet; empty when the entry has no tags
--         2: the rev of an entry that is not served any more (empty: of none)
--         3: time to live in milliseconds (0: no expiry), 4: value
-- reply   an empty text: written; else the head of the entry that is there
local key, ttl, value = KEYS[#KEYS], ARGV[3], ARGV[4]
local found = entry_head(key)
if #found > 1 and string.sub(found, 20, 27) ~= ARGV[2] then
  return found
end
if ARGV[1] ~= '' then
  local epoch, seq = tags_begun(KEYS[1], ARGV[1])
  value = string.sub(value, 1, 71) .. epoch .. base36(seq, 8) .. string.sub(value, 88)
  tags_outlive(KEYS[1], ttl)
end
if ttl == '0' then
  redis.call('SET', key, value)
else
  redis.call('SET', key, value, 'PX', ttl)
end
return ''
