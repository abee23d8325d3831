-- Keep values of which nothing newer is kept. A value begins with format, kind and version (8 bytes, big-endian).
-- ARGV holds a value and its lifetime in milliseconds for each of KEYS. Gives how many were not kept.
local refused = 0
for i, key in ipairs(KEYS) do
  local value, lifetime = ARGV[2 * i - 1], ARGV[2 * i]
  local kept = redis.pcall('GETRANGE', key, 0, 9)
  if type(kept) == 'string' and #kept == 10 and struct.unpack('>I8', kept, 3) > struct.unpack('>I8', value, 3) then
    refused = refused + 1
  else
    redis.call('SET', key, value, 'PX', lifetime)
  end
end
return refused
