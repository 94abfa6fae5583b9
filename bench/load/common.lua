-- What the cases share. wrk reports in one line that measure.py reads.

-- RUN tells the runs of one gateway apart, so that no number and no idempotency key comes twice.
local common = { count = 0, run = tonumber(os.getenv("RUN")) }

function common.post(path, headers, body)
  return "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n" .. headers ..
    "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

local signature = "Authorization: Bearer " .. (os.getenv("TOKEN") or "") .. "\r\nIdempotency-Key: " .. common.run .. "-"

-- The headers of the next request: a bearer token and an idempotency key of its own.
function common.signed()
  common.count = common.count + 1
  return signature .. common.count .. "\r\n"
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('RESULT {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p99":%d,"p99.9":%d}\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end

return common
