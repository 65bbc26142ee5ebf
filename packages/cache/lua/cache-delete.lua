-- Removes what is under keys, of whatever type, and tells what it was.
-- KEYS    the entries' keys
-- ARGV    none
-- reply   for each entry: its head with the line break that ends it, an empty text where there is none, or '?' for what is no entry
local heads = {}
for index, key in ipairs(KEYS) do
  heads[index] = entry_head(key)
  redis.call('UNLINK', key)
end
return heads
