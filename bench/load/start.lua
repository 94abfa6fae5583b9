-- POST /verifications, every time another number. With IDS set, the paths of what was made go into that file.
local common = dofile("common.lua")

function request()
  local headers = common.signed()
  local number = string.format("9%08d", common.run * 10000000 + common.count)
  return common.post("/verifications", headers, '{"to":"+5511' .. number .. '","channel":"sms"}')
end

if os.getenv("IDS") then
  local ids = io.open(os.getenv("IDS"), "w")
  function response(status, headers)
    if status == 201 then
      ids:write(headers["Location"] or headers["location"], "\n")
      ids:flush()
    end
  end
end
