-- KEYS: the names of what is there; ARGV: group, then stream and entry of each item. Gives how many were there.
local gone = 0
for at = 2, #ARGV, 2 do
  local found = redis.call('XRANGE', ARGV[at], ARGV[at + 1], ARGV[at + 1])
  if #found == 1 then
    redis.call('SREM', KEYS[1], found[1][2][2])
    redis.call('XACK', ARGV[at], ARGV[1], ARGV[at + 1])
    gone = gone + redis.call('XDEL', ARGV[at], ARGV[at + 1])
  end
end
return gone
