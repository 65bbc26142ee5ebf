-- What stands before the bodies of entries: enough to tell whether they may be served.
-- KEYS    the entries' keys
-- ARGV    none
-- reply   for each entry: its head with the line break that ends it, or an empty text for what is no entry, of whatever type
local heads = {}
for index, key in ipairs(KEYS) do
  local reply = ''
  local bytes = 256
  while reply == '' and bytes <= 262144 do -- far beyond 64 tags of 256 bytes, as they are encoded
    local head = redis.pcall('GETRANGE', key, 0, bytes - 1)
    if type(head) ~= 'string' or string.sub(head, 1, 3) ~= 'HF1' then
      break
    end
    local stop = string.find(head, '\n', 89, true)
    if stop then
      reply = string.sub(head, 1, stop)
    elseif #head < bytes then
      break
    end
    bytes = bytes * 32
  end
  heads[index] = reply
end
return heads
