-- Keeps many leases to load what is missing while their loader is at work.
-- KEYS    the entries' keys
-- ARGV    1: milliseconds of the leases from now on; then for each key its token
-- reply   how many were there
local kept = 0
for index, key in ipairs(KEYS) do
  if redis.pcall('GETRANGE', key, 0, 10) == 'HFL' .. ARGV[index + 1] then
    redis.call('PEXPIRE', key, ARGV[1])
    kept = kept + 1
  end
end
return kept
