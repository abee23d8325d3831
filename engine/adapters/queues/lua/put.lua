-- KEYS: the names of what is there, how many are there; ARGV: name, stream, depth, values of each item. Gives how many are new.
local new = 0
for at = 1, #ARGV, 4 do
  if redis.call('SADD', KEYS[1], ARGV[at]) == 1 then
    redis.call('XADD', ARGV[at + 1], '*', 'name', ARGV[at], 'depth', ARGV[at + 2], 'item', ARGV[at + 3])
    redis.call('HINCRBY', KEYS[2], ARGV[at + 2], 1)
    new = new + 1
  end
end
return new
