-- Takes the lease to load what is missing: a marker under the entry's own key.
-- KEYS    1: the namespace's tags, only where ARGV[1] is not '0'; then the entries' keys
-- ARGV    1: '1' to reply the tags' stamp, or an epoch to begin them with where there is none;
--         then for each entry: token, milliseconds of the lease
-- reply   1: the stamp {epoch, seq} or nil; then for each entry {1} the lease is yours, {2, token} somebody has it,
--         {0} there is an entry now, {3} the key holds something foreign
local first = 1
local replies = { false }
if ARGV[1] ~= '0' then
  first = 2
  replies[1] = tags_stamp(KEYS[1], ARGV[1])
end

for index = first, #KEYS do
  local at = (index - first) * 2 + 2
  local key, token, lease = KEYS[index], ARGV[at], ARGV[at + 1]
  local head = redis.pcall('GETRANGE', key, 0, 10)
  local reply
  if type(head) == 'table' then
    reply = { 3 }
  elseif string.sub(head, 1, 3) == 'HFL' then
    reply = { 2, string.sub(head, 4, 11) }
  elseif string.sub(head, 1, 3) == 'HF1' then
    reply = { 0 }
  elseif string.sub(head, 1, 3) == 'HFE' or redis.call('EXISTS', key) == 0 then
    redis.call('SET', key, 'HFL' .. token, 'PX', lease)
    reply = { 1 }
  else
    reply = { 3 }
  end
  replies[#replies + 1] = reply
end
return replies
