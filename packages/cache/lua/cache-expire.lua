-- Lets entries expire now without removing them: they may still be served as grace when their loader fails.
-- KEYS    the entries' keys
-- ARGV    1: a rev that was never used
-- reply   how many there were

-- Not the time of now: readers know the server's clock only to within a part of a round trip, and would serve the entry
-- for so long. (Zero would be: never.)
local long_ago = '000000001'
local expired = 0
for _, key in ipairs(KEYS) do
  local version = redis.pcall('GETRANGE', key, 0, 2)
  if version == 'HF1' then
    redis.call('SETRANGE', key, 53, long_ago .. long_ago)
    -- A load that began before must not make it fresh again: what it was to replace is gone with this. Processes of
    -- earlier versions have their lease in the head.
    redis.call('SETRANGE', key, 19, ARGV[1] .. '--------000000000')
    expired = expired + 1
  elseif version == 'HFL' then
    redis.call('DEL', key)
  end
end
return expired
