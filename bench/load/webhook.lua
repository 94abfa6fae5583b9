-- POST /webhooks/zenvia/sms-reply/SECRET, every time another reply.
local common = dofile("common.lua")

local path = "/webhooks/zenvia/sms-reply/" .. os.getenv("HOOK")

function request()
  common.count = common.count + 1
  local id = common.run * 10000000 + common.count
  return common.post(path, "", '{"id":' .. id .. ',"sms_id":' .. id .. ',"resposta":"ok","data_resposta":"2019-09-06T17:05:18.000Z"}')
end
