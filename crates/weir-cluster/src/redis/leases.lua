-- What LeaseTable::apply says, for Redis. One call does a batch of operations on leases.
-- KEYS: the epoch counter, the index of leases, then one lease for each operation.
-- ARGV: the term (ms), then for each operation nine:
--   kind, stream, node, boot, claim, epoch, over, seen, since_ms
-- A lease is "epoch boot claim over since_ms node". Boot and claim are compared as text: they do not
-- fit a Lua number; epochs do, being milliseconds or little more.
local ttl = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)

-- All are read at once and the index is written at once: a renewal is one command of its own.
local held_by = {}
local values = redis.call('MGET', unpack(KEYS, 3))
for i = 3, #KEYS do
  held_by[KEYS[i]] = values[i - 2]
end
local indexed, last = {}, nil

local function give(key, stream, node, boot, claim, over, seen, since)
  last = last or tonumber(redis.call('GET', KEYS[1]) or '0')
  last = math.max(last, tonumber(seen), now) + 1
  local epoch = string.format('%.0f', last)
  local lease = epoch .. ' ' .. boot .. ' ' .. claim .. ' ' .. over .. ' ' .. since .. ' ' .. node
  redis.call('SET', key, lease, 'PX', ttl)
  held_by[key], indexed[stream] = lease, true
  return 'Y' .. epoch
end

local answers = {}
for i = 3, #KEYS do
  local key, at = KEYS[i], 2 + (i - 3) * 9
  local kind, stream, node, boot, claim = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local epoch, over, seen, since = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8]
  local held = held_by[key]
  local h_epoch, h_boot, h_claim, h_node
  if held then
    h_epoch, h_boot, h_claim, h_node = string.match(held, '^(%d+) (%d+) (%d+) %d+ %-?%d+ (%S+)$')
  end
  local mine = held and h_boot == boot and h_claim == claim
  local own = held and h_node == node and (h_boot ~= boot or tonumber(h_claim) < tonumber(claim))
  local answer
  if kind == 'claim' then
    if mine then
      redis.call('PEXPIRE', key, ttl)
      indexed[stream] = true
      answer = 'Y' .. h_epoch
    elseif held and not own and (over == '0' or h_epoch ~= over) then
      answer = 'T' .. held
    else
      answer = give(key, stream, node, boot, claim, over, seen, since)
    end
  elseif not held then
    answer = 'N'
  elseif kind == 'release' then
    if mine then
      redis.call('DEL', key)
      held_by[key], indexed[stream] = false, false
      answer = 'N'
    else
      answer = 'T' .. held
    end
  elseif mine and h_epoch == epoch then
    if kind == 'renew' then
      redis.call('PEXPIRE', key, ttl)
      indexed[stream] = true
    end
    answer = 'Y' .. epoch
  else
    answer = 'T' .. held
  end
  answers[i - 2] = answer
end

if last then
  redis.call('SET', KEYS[1], string.format('%.0f', last))
end
local put, drop = {}, {}
for stream, is in pairs(indexed) do
  if is then
    put[#put + 1] = now + ttl
    put[#put + 1] = stream
  else
    drop[#drop + 1] = stream
  end
end
if #put > 0 then
  redis.call('ZADD', KEYS[2], unpack(put))
end
if #drop > 0 then
  redis.call('ZREM', KEYS[2], unpack(drop))
end
return answers
