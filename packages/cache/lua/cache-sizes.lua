-- How much is stored under keys, so that nobody asks for more at once than he has room for.
-- KEYS    the entries' keys
-- ARGV    none
-- reply   for each key its bytes; 0 where there is nothing, or what is no text
local sizes = {}
for index, key in ipairs(KEYS) do
  local bytes = redis.pcall('STRLEN', key)
  sizes[index] = type(bytes) == 'number' and bytes or 0
end
return sizes
