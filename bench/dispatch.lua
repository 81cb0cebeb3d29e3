-- wrk asks a dispatcher where to watch: a thousand streams, in turn.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local number = 0
function request()
  number = (number + 1) % 1000
  local body = '{"app":"live","stream":"s' .. number .. '","protocols":["http-flv","hls"],"query":"key=abcdef"}'
  return wrk.format(nil, "/api/v1/dispatch/play", nil, body)
end
function done(summary)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('{"answers":%d,"errors":%d,"seconds":%.3f}\n', summary.requests, errors, summary.duration / 1e6))
end
