-- Hearts of a group: a count is added once, and all who listen are told the sum.
-- KEYS: 1 the sum, 2 the latest count of who asks. ARGV: 1 which count this is, 2 how many, 3 milliseconds for which the
-- sum is kept, 4 milliseconds for which the latest count is known, 5 how to tell, 6 the channel, 7 who asks.
local count = tonumber(ARGV[2])
if count > 0 and redis.call('GET', KEYS[2]) ~= ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
  redis.call('INCRBY', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call(ARGV[5], ARGV[6], 'k ' .. ARGV[7] .. ' 0 ' .. redis.call('GET', KEYS[1]) .. '\n')
end
return {redis.call('GET', KEYS[1]) or '0'}
