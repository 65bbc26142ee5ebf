-- Takes the lease to load anew what is there. It has a key of its own, so that the entry stays what it is for all who
-- hold it, and it counts for that one revision of the entry.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not '0'; then the lease's key and the entry's
-- ARGV    1: '1' to reply the tags' stamp, or an epoch to begin them with where there is none, 2: token, 3: milliseconds of the lease, 4: the rev of the entry, 5: '1' to leave
--         a loader alone that failed a moment ago, as there is something to serve
-- reply   1: the stamp {epoch, seq} or nil; 2: {1} the lease is yours, {2, token, left} somebody has it for so many
--         milliseconds, {4, left} a loader failed and shall be left alone for so many, {0} the entry is not that one any more
local first = 1
local stamp = false
if ARGV[1] ~= '0' then
  first = 2
  stamp = tags_stamp(KEYS[1], ARGV[1])
end
local leaseKey, key, token, lease, rev = KEYS[first], KEYS[first + 1], ARGV[2], ARGV[3], ARGV[4]

local head = redis.pcall('GETRANGE', key, 0, 26)
if type(head) == 'table' or string.sub(head, 1, 3) ~= 'HF1' or string.sub(head, 20, 27) ~= rev then
  return { stamp, { 0 } }
end
local held = redis.pcall('GET', leaseKey)
if type(held) == 'string' and string.sub(held, 12, 19) == rev then
  local kind = string.sub(held, 1, 3)
  if kind == 'HFL' then
    return { stamp, { 2, string.sub(held, 4, 11), redis.call('PTTL', leaseKey) } }
  elseif kind == 'HFT' and ARGV[5] == '1' then
    return { stamp, { 4, redis.call('PTTL', leaseKey) } }
  end
end
redis.call('SET', leaseKey, 'HFL' .. token .. rev, 'PX', lease)
local left = redis.call('PTTL', key)
if left >= 0 and left < tonumber(lease) then
  redis.call('PEXPIRE', key, lease) -- so that it does not vanish under its own refresh; its readers know when it is over
end
return { stamp, { 1 } }
