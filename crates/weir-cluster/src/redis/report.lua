-- Keeps reports of streams on other servers. KEYS: the index of reports, then one report each.
-- ARGV: most reports, then for each three: stream, "port protocol ip", time (ms).
-- Of no time: takes the report away, if it says just this. Answers how many there was no room for.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local room = tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1])
local refused = 0
for i = 2, #KEYS do
  local key, at = KEYS[i], 2 + (i - 2) * 3
  local stream, place, ttl = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  if ttl <= 0 then
    if redis.call('GET', key) == place then
      redis.call('DEL', key)
      room = room + redis.call('ZREM', KEYS[1], stream)
    end
  elseif room > 0 or redis.call('ZSCORE', KEYS[1], stream) then
    redis.call('SET', key, place, 'PX', ttl)
    room = room - redis.call('ZADD', KEYS[1], now + ttl, stream)
  else
    refused = refused + 1
  end
end
return refused
