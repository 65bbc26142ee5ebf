-- Writes, one after another, each by itself: one that fails does not keep the others from being made.
-- KEYS    the key of each operation; the same key may come again
-- ARGV    for each run of operations of one form: their command, how many they are, how many arguments each has of its
--         own, how many they share; the shared ones; the own ones of each. Shared ones follow the own one, if there is one;
--         of more than one own argument none is shared
-- reply   for each operation: the integer that the command replies (SET: 1 stored, 0 not), or the text of its error
local call = redis.pcall
local outcomes = {}
local index = 1
local at = 1
while KEYS[index] do
  local command = ARGV[at]
  local last = index + tonumber(ARGV[at + 1]) - 1
  local own = tonumber(ARGV[at + 2])
  local first = at + 4
  at = first + tonumber(ARGV[at + 3])
  local shared = at - 1
  for place = index, last do
    local reply
    if own == 1 then
      reply = call(command, KEYS[place], ARGV[at], unpack(ARGV, first, shared))
    elseif own == 0 then
      reply = call(command, KEYS[place], unpack(ARGV, first, shared))
    else
      reply = call(command, KEYS[place], unpack(ARGV, at, at + own - 1))
    end
    at = at + own
    if type(reply) == 'number' then
      outcomes[place] = reply
    elseif not reply then
      outcomes[place] = 0
    elseif reply.err then
      outcomes[place] = reply.err
    else
      outcomes[place] = 1
    end
  end
  index = last + 1
end
return outcomes
