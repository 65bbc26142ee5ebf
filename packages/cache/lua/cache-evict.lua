-- Removes entries that were used longest ago, but none that was written since that was found out.
-- KEYS    the entries' keys
-- ARGV    for each entry: when it was used last, in milliseconds
-- reply   for each entry: 1 it was removed, 0 there is none (and what else stands there was not touched),
--         {when, ttl} it stays: when it was written, and for how many milliseconds it stays (-1: without expiry)
local outcomes = {}
for index, key in ipairs(KEYS) do
  local head = redis.pcall('GETRANGE', key, 0, 52)
  local outcome = 0
  if type(head) == 'string' and string.sub(head, 1, 3) == 'HF1' then
    local created = tonumber(string.sub(head, 45, 53), 36) or 0
    if created <= tonumber(ARGV[index]) then
      redis.call('UNLINK', key)
      outcome = 1
    else
      outcome = { created, redis.call('PTTL', key) }
    end
  end
  outcomes[index] = outcome
end
return outcomes
