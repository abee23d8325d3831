-- Remove values that were found to be bad, unless something else has taken their place. ARGV: the SHA-1 of each.
for i, key in ipairs(KEYS) do
  local kept = redis.pcall('GET', key)
  if type(kept) == 'string' and redis.sha1hex(kept) == ARGV[i] then
    redis.call('UNLINK', key)
  end
end
