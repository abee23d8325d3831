-- KEYS: the names of what is there; ARGV: name, stream, values of each item. Gives how many are new.
local new = 0
for at = 1, #ARGV, 3 do
  if redis.call('SADD', KEYS[1], ARGV[at]) == 1 then
    redis.call('XADD', ARGV[at + 1], '*', 'name', ARGV[at], 'item', ARGV[at + 2])
    new = new + 1
  end
end
return new
