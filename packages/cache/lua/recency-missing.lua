-- Which of these entries the index of their namespace does not know.
-- KEYS    1: sorted set of when each entry was read or written last
-- ARGV    names of entries
-- reply   the places (from 0) of those that are not in it
local missing = {}
for place, name in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[1], name) then
    missing[#missing + 1] = place - 1
  end
end
return missing
