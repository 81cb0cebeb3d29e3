-- What a group has come to: its facts, and its posts behind a place.
-- KEYS: as append.lua's first three. ARGV: 1 a fresh numbering, 2 the numbering that is known, 3 the latest place that is,
-- 4 posts at most, 5 milliseconds for which the numbering is kept.
local meta, stream, facts = KEYS[1], KEYS[2], KEYS[3]
local epoch = redis.call('HGET', meta, 'e')
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', stream)
  redis.call('HSET', meta, 'e', epoch, 'o', 0, 'v', 0)
end
redis.call('PEXPIRE', meta, ARGV[5])
local there = redis.call('HMGET', meta, 'o', 'v')
local behind = epoch == ARGV[2] and tonumber(ARGV[3]) or 0
local all = redis.call('HGETALL', facts)
local told = {epoch, there[1], there[2], string.format('%.0f', #all / 2)}
for n = 1, #all do
  told[#told + 1] = all[n]
end
local from = string.format('%.0f', behind + 1) .. '-0'
for _, entry in ipairs(redis.call('XRANGE', stream, from, '+', 'COUNT', ARGV[4])) do
  told[#told + 1] = string.match(entry[1], '^(%d+)')
  told[#told + 1] = entry[2][6]
end
return told
