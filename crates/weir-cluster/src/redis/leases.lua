-- What LeaseTable::apply says, for Redis. One call does a batch of operations on leases.
-- KEYS: the epoch counter, the index of leases, then one lease for each operation.
-- ARGV: the term (ms), then for each operation nine:
--   kind, stream, node, boot, claim, epoch, over, seen, since_ms
-- A lease is "epoch boot claim over since_ms node". Boot and claim are compared as text: they do not
-- fit a Lua number; epochs do, being milliseconds or little more.
local ttl = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answers = {}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)

local function keep(key, stream)
  redis.call('PEXPIRE', key, ttl)
  redis.call('ZADD', KEYS[2], now + ttl, stream)
end

for i = 3, #KEYS do
  local key, at = KEYS[i], 2 + (i - 3) * 9
  local kind, stream, node, boot, claim = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local epoch, over, seen, since = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8]
  local held = redis.call('GET', key)
  local h_epoch, h_boot, h_claim, h_node
  if held then
    h_epoch, h_boot, h_claim, h_node = string.match(held, '^(%d+) (%d+) (%d+) %d+ %-?%d+ (%S+)$')
  end
  local mine = held and h_boot == boot and h_claim == claim
  local own = held and h_node == node and (h_boot ~= boot or tonumber(h_claim) < tonumber(claim))
  local answer
  if kind == 'claim' then
    if mine then
      keep(key, stream)
      answer = 'Y' .. h_epoch
    elseif held and not own and (over == '0' or h_epoch ~= over) then
      answer = 'T' .. held
    else
      local last = tonumber(redis.call('GET', KEYS[1]) or '0')
      local next = string.format('%.0f', math.max(last, tonumber(seen), now) + 1)
      redis.call('SET', KEYS[1], next)
      local lease = next .. ' ' .. boot .. ' ' .. claim .. ' ' .. over .. ' ' .. since .. ' ' .. node
      redis.call('SET', key, lease, 'PX', ttl)
      redis.call('ZADD', KEYS[2], now + ttl, stream)
      answer = 'Y' .. next
    end
  elseif not held then
    answer = 'N'
  elseif kind == 'release' then
    if mine then
      redis.call('DEL', key)
      redis.call('ZREM', KEYS[2], stream)
      answer = 'N'
    else
      answer = 'T' .. held
    end
  elseif mine and h_epoch == epoch then
    if kind == 'renew' then
      keep(key, stream)
    end
    answer = 'Y' .. epoch
  else
    answer = 'T' .. held
  end
  answers[i - 2] = answer
end
return answers
