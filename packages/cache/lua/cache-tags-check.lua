-- Says of entries whether their tags were invalidated since.
-- KEYS    1: the namespace's tags; then its buckets
-- ARGV    1: how many bits a bucket has; then for each entry its stamp as it is stored, the number of its tags, the tags
-- reply   nil where there is no state of tags, else epoch and seq, and for each entry 0 valid, 1 expired, 2 invalid
local key = KEYS[1]
local epoch, seq = tags_state(key)
if not epoch then
  return false
end
local bits = tonumber(ARGV[1])
local from = tags_score(key, '=from')
local buckets, floor

local function in_buckets(seen, first, last)
  if not buckets then
    buckets, floor = buckets_of(KEYS, epoch)
    floor = math.max(floor, -tags_score(key, '=floor'))
  end
  if seen < floor then
    return true
  end
  for at = first, last do
    local positions
    for _, bucket in ipairs(buckets) do
      if bucket.newest > seen and not bucket.lost then
        positions = positions or bucket_positions(ARGV[at], bits)
        if bucket_has(KEYS[bucket.index], positions) then
          return true
        end
      end
    end
  end
  return false
end

local replies = { epoch, seq }
local at = 2
while at <= #ARGV do
  local stamp, count = ARGV[at], tonumber(ARGV[at + 1])
  local first, last = at + 2, at + 1 + count
  local seen = tonumber(string.sub(stamp, 9, 16), 36)
  local verdict = 0
  if string.sub(stamp, 1, 8) ~= epoch or (seen < from and in_buckets(seen, first, last)) then
    verdict = 2
  else
    for index = first, last do
      if tags_score(key, 'd:' .. ARGV[index]) > seen then
        verdict = 2
      elseif verdict == 0 and tags_score(key, 'e:' .. ARGV[index]) > seen then
        verdict = 1
      end
    end
  end
  replies[#replies + 1] = verdict
  at = last + 1
end
return replies
