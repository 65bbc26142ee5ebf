-- Shared, put before the scripts that use it: what stands before the body of an entry, with the line break that ends it: enough to
-- tell whether it may be served. An empty text where there is nothing but the marker of a load, '?' for what is no entry, of whatever
-- type.
local function entry_head(key)
  local bytes = 256
  while bytes <= 262144 do -- far beyond 64 tags of 256 bytes, as they are encoded
    local head = redis.pcall('GETRANGE', key, 0, bytes - 1)
    if type(head) ~= 'string' then
      return '?'
    end
    local kind = string.sub(head, 1, 3)
    if kind ~= 'HF1' then
      return (kind == '' or kind == 'HFL' or kind == 'HFE') and '' or '?'
    end
    local stop = string.find(head, '\n', 89, true)
    if stop then
      return string.sub(head, 1, stop)
    elseif #head < bytes then
      return '?'
    end
    bytes = bytes * 32
  end
  return '?'
end
