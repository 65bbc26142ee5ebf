-- Shared, put before the scripts that use it: a whole number in base 36, of so many digits.
local function base36(number, width)
  local text = ''
  while number > 0 do
    local digit = number % 36
    text = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, digit + 1) .. text
    number = (number - digit) / 36
  end
  return string.rep('0', width - #text) .. text
end

