-- What RecordingTable::apply says, for Redis. KEYS: a word for each operation, "recording node"; "-" is no recording.
-- ARGV: the term (ms), then for each operation three: act, recording, node.
-- Answers for each: what it goes into, 1 where nobody else has said something since, and the time (ms).
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local term = ARGV[1]
local answers = {}
for i = 1, #KEYS do
  local at = 2 + (i - 1) * 3
  local act, recording, node = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local said = redis.call('GET', KEYS[i])
  local s_recording, s_node
  if said then
    s_recording, s_node = string.match(said, '^(%S+) (%S+)$')
  end
  local same = s_recording == recording and s_node == node
  local own = true
  if act == 'keep' then
    own = not said or same
  elseif act == 'end' then
    own = not said or s_node == node
  elseif act == 'take' and s_recording then
    recording = s_recording
  end
  if act == 'end' then
    if same then
      redis.call('DEL', KEYS[i])
    end
  elseif own then
    redis.call('SET', KEYS[i], recording .. ' ' .. node, 'PX', term)
  end
  answers[i] = recording .. ' ' .. (own and '1' or '0') .. ' ' .. now
end
return answers
