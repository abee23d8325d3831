-- Put a marker of an invalidation in the place of whatever is older than it. ARGV: the lifetime in milliseconds, then a marker for each key.
for i, key in ipairs(KEYS) do
  local marker = ARGV[i + 1]
  local kept = redis.pcall('GETRANGE', key, 0, 9)
  if not (type(kept) == 'string' and #kept == 10 and struct.unpack('>I8', kept, 3) >= struct.unpack('>I8', marker, 3)) then
    redis.call('SET', key, marker, 'PX', ARGV[1])
  end
end
