-- Keeps a lease while its loader is at work.
-- KEYS    1: the entry's key
-- ARGV    1: token, 2: milliseconds of the lease from now on, 3: the time in milliseconds (empty: the server's)
-- reply   1 when the lease was there, else 0
local now
if ARGV[3] ~= '' then
  now = tonumber(ARGV[3])
else
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local lease = tonumber(ARGV[2])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 34)
if type(head) ~= 'string' then
  return 0
end
if head == 'HFL' .. ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], lease)
  return 1
end
if string.sub(head, 1, 3) == 'HF1' and string.sub(head, 28, 35) == ARGV[1] then
  local until_ = now + lease
  local text = ''
  while until_ > 0 do
    local digit = until_ % 36
    text = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, digit + 1) .. text
    until_ = (until_ - digit) / 36
  end
  redis.call('SETRANGE', KEYS[1], 35, string.rep('0', 9 - #text) .. text)
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < lease then
    redis.call('PEXPIRE', KEYS[1], lease)
  end
  return 1
end
return 0
