-- Counts what a reader would be given, as far as that is known without the tags.
-- KEYS    the entries' keys
-- ARGV    1: the time in milliseconds
-- reply   how many of them are served whatever their tags went through, or hold what is no entry; then the heads of those
--         that are served if their tags were not invalidated
local now = tonumber(ARGV[1])
local counted = 0
local replies = { 0 }
for _, key in ipairs(KEYS) do
  local head = entry_head(key)
  if head == '?' then
    counted = counted + 1
  elseif string.sub(head, 88, 88) == 'e' then
    local expires_at = tonumber(string.sub(head, 63, 71), 36) or 0
    if expires_at == 0 or expires_at > now then
      if string.sub(head, 72, 79) == '--------' then
        counted = counted + 1
      else
        replies[#replies + 1] = head
      end
    end
  end
end
replies[1] = counted
return replies
