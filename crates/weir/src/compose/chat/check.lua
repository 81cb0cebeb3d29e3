-- How far groups have come. KEYS: what each has come to, as append.lua's first. Three texts for each, empty where there
-- is none.
local told = {}
for n = 1, #KEYS do
  local there = redis.call('HMGET', KEYS[n], 'e', 'o', 'v')
  for m = 1, 3 do
    told[#told + 1] = there[m] or ''
  end
end
return told
