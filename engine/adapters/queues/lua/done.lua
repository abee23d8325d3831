-- KEYS: the names of what is there, how many are there; ARGV: group, then stream and entry of each item. Gives how many were there.
local gone = 0
for at = 2, #ARGV, 2 do
  local found = redis.call('XRANGE', ARGV[at], ARGV[at + 1], ARGV[at + 1])
  if #found == 1 then
    local fields = found[1][2]
    for field = 1, #fields, 2 do
      if fields[field] == 'name' then redis.call('SREM', KEYS[1], fields[field + 1]) end
      if fields[field] == 'depth' then redis.call('HINCRBY', KEYS[2], fields[field + 1], -1) end
    end
    redis.call('XACK', ARGV[at], ARGV[1], ARGV[at + 1])
    gone = gone + redis.call('XDEL', ARGV[at], ARGV[at + 1])
  end
end
return gone
