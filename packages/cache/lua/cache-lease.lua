-- Takes the lease to load an entry: a marker under the key where there is nothing, a token in the entry's head where
-- there is one that needs to be loaded again.
-- KEYS    1: the namespace's tags, only where ARGV[1] is '1'; then the entries' keys
-- ARGV    1: '1' to reply the tags' stamp, 2: the time in milliseconds (empty: the server's)
--         then for each entry: token, milliseconds of the lease, and the rev of the entry that needs to be loaded again
-- reply   1: the stamp {epoch, seq} or nil; then for each entry {1} the lease is yours, {4} and so is the entry that
--         is still there to be refreshed, {2, token} somebody has it,
--         {0, value} there is an entry now, {3} the key holds something foreign
local now = time_of(ARGV[2])
local first = 1
local replies = {}
if ARGV[1] == '1' then
  first = 2
  local epoch, seq = tags_state(KEYS[1])
  replies[1] = epoch and { epoch, seq } or false
else
  replies[1] = false
end

for index = first, #KEYS do
  local at = (index - first) * 3 + 3
  local key, token, lease, rev = KEYS[index], ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local value = redis.pcall('GET', key)
  local reply
  if type(value) == 'table' then
    reply = { 3 }
  elseif not value or string.sub(value, 1, 3) == 'HFE' then
    redis.call('SET', key, 'HFL' .. token, 'PX', lease)
    reply = { 1 }
  elseif string.sub(value, 1, 3) == 'HFL' then
    reply = { 2, string.sub(value, 4, 11) }
  elseif string.sub(value, 1, 3) ~= 'HF1' then
    reply = { 3 }
  elseif rev == '' or string.sub(value, 20, 27) ~= rev then
    reply = { 0, value }
  elseif (tonumber(string.sub(value, 36, 44), 36) or 0) > now then
    reply = { 2, string.sub(value, 28, 35) }
  else
    redis.call('SETRANGE', key, 27, token .. base36(now + lease, 9))
    local left = redis.call('PTTL', key)
    if left >= 0 and left < lease then
      redis.call('PEXPIRE', key, lease) -- so that it does not vanish under its own refresh; it is expired all the same
    end
    reply = { 4 }
  end
  replies[#replies + 1] = reply
end
return replies
