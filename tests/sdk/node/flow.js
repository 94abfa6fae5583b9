// The provider's Node SDK against a simulator: flow.js URL TOKEN
'use strict'

const assert = require('node:assert/strict')
const Totalvoice = require('totalvoice-node')

const [url, token] = process.argv.slice(2)
const client = new Totalvoice(token, url)
const mobile = '+5510999999999'

function created (answer, message) {
  assert.deepEqual({ ...answer, dados: undefined }, { status: 200, sucesso: true, motivo: 0, mensagem: message, dados: undefined })
  assert.ok(Number.isInteger(answer.dados.id))
  return answer.dados.id
}

async function until (ask, reached) {
  for (let tries = 0; tries < 500; tries++) {
    const answer = await ask()
    if (reached(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  assert.fail('never happened')
}

async function refusal (promise, status, reason) {
  const error = await promise.then(() => assert.fail('was accepted'), error => error)
  assert.equal(error.data.sucesso, false)
  assert.deepEqual([error.data.status, error.data.motivo], [status, reason])
}

async function inReport (resource, id) {
  const report = await client[resource].relatorio('2020-01-01', '2099-12-31')
  assert.ok(report.dados.relatorio.some(row => row.id === id), `${resource} ${id} is in the report`)
}

async function codes () {
  const id = created(await client.verificacao.enviar(mobile, 'Loja', 6, true), 'dados retornados com sucesso')
  const sent = await (await fetch(`${url}/_sim/codes?to=10999999999`)).json()
  assert.equal(sent.id, id)
  assert.match(sent.code, /^\d{6}$/)
  assert.equal((await client.verificacao.buscar(id, sent.code)).dados.resultado, 'valido')
  assert.equal((await client.verificacao.buscar(id, '000')).dados.resultado, 'invalido')
  await refusal(client.verificacao.enviar(mobile, 'Loja', 11), 405, 11)
}

async function calls () {
  const id = created(await client.chamada.ligar('4000', mobile, { tags: 'lost in opcoes' }), 'chamada criada com sucesso')
  const look = () => client.chamada.buscar(id)
  const live = await until(look, ({ dados }) => dados.destino.status === 'atendida')
  assert.equal(live.dados.ativa, true)
  assert.equal(live.dados.tags, null)
  const listening = await client.chamada.escutar(id, '4001', 1)
  assert.ok(!('dados' in listening))
  assert.deepEqual(await client.chamada.encerrar(id), { status: 200, sucesso: true, motivo: 0, mensagem: 'encerrando chamada', dados: null })
  const over = await until(look, ({ dados }) => dados.status_geral === 'finalizada')
  assert.equal(over.dados.destino.motivo_desconexao, '16. normal')
  await inReport('chamada', id)
  await refusal(client.chamada.encerrar(id), 404, 80)
  await refusal(client.chamada.downloadGravacao(id), 404, 70)
  await refusal(client.chamada.ligar('4000', '12'), 405, 11)
}

async function torpedoes () {
  const tts = created(await client.tts.enviar(mobile, 'Olá', { resposta_usuario: true, tipo_voz: 'br-Ricardo' }), 'tts criado com sucesso')
  const heard = await until(() => client.tts.buscar(tts), ({ dados }) => dados.status === 'atendida')
  assert.equal(heard.dados.mensagem, 'Olá')
  assert.equal(heard.dados.resposta, '1')
  await inReport('tts', tts)

  const audio = created(await client.audio.enviar(mobile, 'http://foooo.bar/audio.mp3', false, '1033334444', false), 'audio criado com sucesso')
  assert.equal((await client.audio.buscar(audio)).dados.bina, '1033334444')
  await inReport('audio', audio)

  const actions = [{ acao: 'tts', acao_dados: { mensagem: 'Olá', tipo_voz: 'br-Ricardo' } }, { acao: 'transferir', opcao: 2, acao_dados: { numero_telefone: mobile } }]
  for (const dados of [actions, JSON.stringify(actions)]) {
    const flow = created(await client.composto.enviar(mobile, dados, undefined, 'clienteX'), 'composto criado com sucesso')
    assert.equal((await client.composto.buscar(flow)).dados.tags, 'clienteX')
    await inReport('composto', flow)
  }
}

async function account () {
  assert.deepEqual((await client.perfil.webhooks()).dados, { webhooks: [] })
  await refusal(new Totalvoice('0'.repeat(32), url).chamada.buscar(1), 403, 40)
}

async function main () {
  for (const part of [codes, calls, torpedoes, account]) await part()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
