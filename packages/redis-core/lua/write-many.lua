-- Writes, one after another, each by itself: one that fails does not keep the others from being made.
-- KEYS    the key of each operation; the same key may come again
-- ARGV    for each operation: its command, how many arguments follow, and these
-- reply   for each operation: the integer that the command replies (SET: 1 stored, 0 not), or the text of its error
local outcomes = {}
local at = 1
for index = 1, #KEYS do
  local count = tonumber(ARGV[at + 1])
  local reply = redis.pcall(ARGV[at], KEYS[index], unpack(ARGV, at + 2, at + 1 + count))
  if type(reply) == 'number' then
    outcomes[index] = reply
  elseif not reply then
    outcomes[index] = 0
  elseif reply.err then
    outcomes[index] = reply.err
  else
    outcomes[index] = 1
  end
  at = at + 2 + count
end
return outcomes
