-- What stands before the bodies of entries: enough to tell whether they may be served.
-- KEYS    the entries' keys
-- ARGV    none
-- reply   for each entry: its head with the line break that ends it, an empty text where there is none, or '?' for what is no entry
local heads = {}
for index, key in ipairs(KEYS) do
  heads[index] = entry_head(key)
end
return heads
