-- Put behind a script that writes or removes entries, which is `change()` here: afterwards the names of exactly those of its
-- keys that hold an entry, or the lease of one that is being loaded, are in the index of their namespace. So none is there
-- without its name, whatever dies when.
-- KEYS    those of that script, then 1: sorted set of when each entry was read or written last, 2: of when each expires
-- ARGV    those of that script, then 1: what the keys of the namespace begin with, 2: now
-- reply   that of the script. What the sets refuse (they are of another type, the memory is full) is passed over: then the index
--         is not complete, and not taken for it
local expiry, recency = table.remove(KEYS), table.remove(KEYS)
local now, prefix = table.remove(ARGV), table.remove(ARGV)
local reply = change()

local function unescaped(hex)
  return string.char(tonumber(hex, 16))
end
local touched = 0
local gone = {}
for _, key in ipairs(KEYS) do
  if string.sub(key, 1, #prefix) == prefix then
    touched = touched + 1
    local name = string.gsub(string.sub(key, #prefix + 1), '%%(%x%x)', unescaped)
    local head = redis.pcall('GETRANGE', key, 0, 2)
    if head == 'HF1' or head == 'HFL' then
      -- What another process wrote or read later is not set back.
      redis.pcall('ZADD', recency, 'GT', now, name)
      local left = redis.call('PTTL', key)
      if left >= 0 then
        redis.pcall('ZADD', expiry, now + left, name)
      else
        redis.pcall('ZREM', expiry, name)
      end
    else
      gone[#gone + 1] = name
    end
  end
end
if #gone > 0 then
  redis.pcall('ZREM', recency, unpack(gone))
  redis.pcall('ZREM', expiry, unpack(gone))
end
-- More than are added, so that names of what has expired do not gather where nobody counts them. Those that are long over:
-- `now` is what this process takes for the server's time.
local expired = redis.pcall('ZRANGE', expiry, '-inf', now - 60000, 'BYSCORE', 'LIMIT', 0, touched + 1)
if not expired.err and #expired > 0 then
  redis.pcall('ZREM', recency, unpack(expired))
  redis.pcall('ZREM', expiry, unpack(expired))
end
return reply
