-- Shared, put before the scripts that use it, behind tags-state.lua: Bloom filters of the tags that were noted too long ago
-- for a place in the sorted set (see src/tags-buckets.ts).

-- Where a filter of so many bits has the bits of a tag, behind its head of 16 bytes.
local function bucket_positions(tag, bits)
  local digest = redis.sha1hex(tag)
  local positions = {}
  for index = 0, 3 do
    positions[index + 1] = 128 + tonumber(string.sub(digest, index * 6 + 1, index * 6 + 6), 16) % bits
  end
  return positions
end

local function bucket_member(index)
  return '=bucket:' .. (index - 2)
end

-- The buckets, oldest first, each with its place among the keys, the newest seq that it stands for, and how many notes it
-- took; and the newest seq of those that Redis has lost (0: none).
local function buckets_of(keys, epoch)
  local buckets, lost = {}, 0
  for index = 2, #keys do
    local newest = -tags_score(keys[1], bucket_member(index))
    if newest > 0 then
      local head = redis.pcall('GETRANGE', keys[index], 0, 15)
      if type(head) == 'string' and string.sub(head, 1, 8) == epoch then
        buckets[#buckets + 1] = { index = index, newest = newest, count = tonumber(string.sub(head, 9, 16)) }
      else
        lost = math.max(lost, newest)
        buckets[#buckets + 1] = { index = index, newest = newest, lost = true }
      end
    end
  end
  table.sort(buckets, function(a, b)
    return a.newest < b.newest
  end)
  return buckets, lost
end

local function bucket_has(key, positions)
  for index = 1, #positions do
    if redis.call('GETBIT', key, positions[index]) == 0 then
      return false
    end
  end
  return true
end
