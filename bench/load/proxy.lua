-- The request that the gateway would send, through the bare proxy.
local common = dofile("common.lua")

local body = '{"numero_destino":"+5511988887777","nome_produto":"","tamanho":6,"tts":false}'
local message = common.post("/verificacao", "Access-Token: 0123456789abcdef0123456789abcdef\r\n", body)

function request()
  return message
end
