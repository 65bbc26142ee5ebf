-- Events of a queue behind one of them, the oldest first: as many as were asked for, or less where they are large, because
-- an event of a job that has ended holds its result. Reads only.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon (all keys share its hash tag)
-- ARGV     the id of the event behind which to begin; how many at most; how many bytes end the reply
-- reply    {'more' or 'end', then for each event {id, its fields as a list}}
local key = KEYS[1] .. 'events'
local after, left, budget = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local step = 10
local reply = {'more'}
while left > 0 and budget > 0 do
  local asked = math.min(step, left)
  local events = redis.call('XRANGE', key, '(' .. after, '+', 'COUNT', asked)
  for _, event in ipairs(events) do
    after = event[1]
    for _, field in ipairs(event[2]) do
      budget = budget - #field
    end
    reply[#reply + 1] = event
  end
  if #events < asked then
    reply[1] = 'end'
    return reply
  end
  left = left - asked
end
return reply
