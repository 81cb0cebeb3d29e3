-- Who is where: each node says of its groups how many are there, and is told how many are there in all.
-- KEYS: a hash for each group, of a node's count and when it was said. ARGV: 1 the node, 2 milliseconds after which that
-- is old, then a count for each group.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local told = {}
for n = 1, #KEYS do
  if ARGV[2 + n] == '0' then
    redis.call('HDEL', KEYS[n], ARGV[1])
  else
    redis.call('HSET', KEYS[n], ARGV[1], ARGV[2 + n] .. ' ' .. string.format('%.0f', now))
  end
  local sum, all = 0, redis.call('HGETALL', KEYS[n])
  for m = 1, #all, 2 do
    local count, at = string.match(all[m + 1], '^(%d+) (%d+)$')
    if not count or tonumber(at) < now - tonumber(ARGV[2]) then
      redis.call('HDEL', KEYS[n], all[m])
    else
      sum = sum + tonumber(count)
    end
  end
  redis.call('PEXPIRE', KEYS[n], ARGV[2])
  told[n] = string.format('%.0f', sum)
end
return told
