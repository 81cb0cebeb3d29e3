-- Gives posts of one group their places, keeps them, changes facts, and tells all who listen: in one step.
-- KEYS: what the group has come to (a hash: e numbering, o latest place, v changes of facts), its posts (a stream),
-- its facts (a hash), then a key for each post that has a name.
-- ARGV: 1 a fresh numbering, 2 posts kept, 3 milliseconds for which they are, 4 milliseconds for which the numbering is,
-- 5 PUBLISH or SPUBLISH, 6 the channel, 7 "again" where this was asked before, 8 in which numbering, 9 posts, 10 facts,
-- 11 facts at most, 12 milliseconds for which names are kept; for each post: which key is its name's (0: none), id,
-- bytes; for each fact: name, until when, what is so, bytes.
local meta, stream, facts = KEYS[1], KEYS[2], KEYS[3]
local kept, age, posts, changes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[9]), tonumber(ARGV[10])
local again, most = ARGV[7] == 'again', tonumber(ARGV[11])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local text = function(number) return string.format('%.0f', number) end

local epoch = redis.call('HGET', meta, 'e')
if again and ARGV[8] ~= '' and epoch ~= ARGV[8] then
  return {'forgotten'}
end
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', stream)
  redis.call('HSET', meta, 'e', epoch, 'o', 0, 'v', 0)
end
local first_fact = 12 + posts * 3
if changes > 0 then
  if redis.call('HLEN', facts) + changes > most then
    local all = redis.call('HGETALL', facts)
    for n = 1, #all, 2 do
      local ends = tonumber(string.match(all[n + 1], '^(%d+) '))
      if ends and ends > 0 and ends <= now then
        redis.call('HDEL', facts, all[n])
      end
    end
    if redis.call('HLEN', facts) + changes > most then
      return {'full'}
    end
  end
  for n = 0, changes - 1 do
    local at = first_fact + n * 4
    if ARGV[at + 3] == '' then
      redis.call('HDEL', facts, ARGV[at + 1])
    else
      redis.call('HSET', facts, ARGV[at + 1], ARGV[at + 2] .. ' ' .. ARGV[at + 3])
    end
  end
  redis.call('HINCRBY', meta, 'v', 1)
end
local version = redis.call('HGET', meta, 'v')

local recent = {}
if again then
  for _, entry in ipairs(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 256)) do
    recent[entry[2][2]] = string.match(entry[1], '^(%d+)')
  end
end
local told, body, first = {'yes', epoch, version}, {}, nil
for n = 0, posts - 1 do
  local at = 12 + n * 3
  local key, id, bytes = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local was = key > 0 and redis.call('GET', KEYS[3 + key])
  local offset
  if was then
    offset = string.match(was, '^(%d+)')
    local of = string.match(was, ' (.*)$')
    told[#told + 1] = (again and of == id) and 'new' or 'again'
    id = of
  elseif recent[id] then
    offset = recent[id]
    told[#told + 1] = 'new'
  else
    offset = text(redis.call('HINCRBY', meta, 'o', 1))
    redis.call('XADD', stream, offset .. '-0', 'i', id, 't', text(now), 'b', bytes)
    if key > 0 then
      redis.call('SET', KEYS[3 + key], offset .. ' ' .. id, 'PX', ARGV[12])
    end
    first = first or offset
    body[#body + 1] = bytes
    told[#told + 1] = 'new'
  end
  told[#told + 1] = offset
  told[#told + 1] = id
end
if first then
  redis.call('XTRIM', stream, 'MAXLEN', kept)
  local young
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', 64)) do
    if tonumber(entry[2][4]) >= now - age then
      break
    end
    young = tonumber(string.match(entry[1], '^(%d+)')) + 1
  end
  if young then
    redis.call('XTRIM', stream, 'MINID', text(young) .. '-0')
  end
  redis.call('PEXPIRE', stream, age)
end
redis.call('PEXPIRE', meta, ARGV[4])
if first or changes > 0 then
  for n = 0, changes - 1 do
    body[#body + 1] = ARGV[first_fact + n * 4 + 4]
  end
  first = first or text(redis.call('HGET', meta, 'o') + 1)
  local front = 'h ' .. epoch .. ' ' .. first .. ' ' .. version .. '\n'
  redis.call(ARGV[5], ARGV[6], front .. table.concat(body))
end
return told
