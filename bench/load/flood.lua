-- POST /verifications, every time another number, by callers who each pause after an answer, whatever it is: PAUSE
-- milliseconds. So callers over pause is what is asked for in a second, however much is taken.
local common = dofile("common.lua")
local pause = tonumber(os.getenv("PAUSE"))

function request()
  local headers = common.signed()
  local number = string.format("9%08d", common.run * 10000000 + common.count)
  return common.post("/verifications", headers, '{"to":"+5511' .. number .. '","channel":"sms"}')
end

if pause > 0 then
  function delay()
    return pause
  end
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('RESULT {"requests":%d,"micros":%d,"failed":0,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status, broken, latency:percentile(50), latency:percentile(99)))
end
