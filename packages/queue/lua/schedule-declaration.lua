-- What is declared of the schedules of a queue, in the hash of what was said of them: under `declared:<id>` a declaration (JSON,
-- which begins with its fingerprint), under `alive:<id>` until when one who declares it counts as being there.
--
-- KEYS[1]  the prefix of the queue's keys, with its colon
-- ARGV     'read', an id: {now, declaration or '', until when}
--          'declare', an id, the declaration that was read ('': none), the one that takes its place, for how many
--          milliseconds its declarer is there: {now, 1 or 0 where another one had got in between}
--          'keep', for how many milliseconds, then an id and a fingerprint each: {now}; those whose declaration is another
--          one stay as they are
-- All times are milliseconds of Redis' clock, as text.
local key, what = KEYS[1] .. 'schedules', ARGV[1]
local now = server_time(KEYS[1] .. 'hf:time')
local function text(number)
  return string.format('%.0f', number)
end

if what == 'read' then
  local found = redis.call('HMGET', key, 'declared:' .. ARGV[2], 'alive:' .. ARGV[2])
  return {text(now), found[1] or '', found[2] or '0'}
end

if what == 'declare' then
  local id, before, after = ARGV[2], ARGV[3], ARGV[4]
  if (redis.call('HGET', key, 'declared:' .. id) or '') ~= before then
    return {text(now), 0}
  end
  redis.call('HSET', key, 'declared:' .. id, after, 'alive:' .. id, text(now + ARGV[5]))
  return {text(now), 1}
end

for at = 3, #ARGV, 2 do
  local id = ARGV[at]
  local head = '{"fingerprint":"' .. ARGV[at + 1] .. '"'
  local declared = redis.call('HGET', key, 'declared:' .. id)
  if declared and string.sub(declared, 1, #head) == head then
    redis.call('HSET', key, 'alive:' .. id, text(now + ARGV[2]))
  end
end
return {text(now)}
