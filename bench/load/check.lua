-- POST /verifications/{id}/check with a wrong code, once for each path in the file IDS, then again, at most five times.
local common = dofile("common.lua")

local paths = {}
for path in io.lines(os.getenv("IDS")) do
  paths[#paths + 1] = path
end

function request()
  if common.count >= 5 * #paths - 64 then
    wrk.thread:stop()
  end
  local headers = common.signed()
  local path = paths[(common.count - 1) % #paths + 1]
  return common.post(path .. "/check", headers, '{"code":"000000"}')
end
