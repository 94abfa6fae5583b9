// A facade as one would write it for speed: it checks the token, claims the idempotency key, asks the provider, keeps the
// record and the event, and answers. No limits, no guard, no second look after a crash, no other provider.
import { randomUUID } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { Pool } from 'undici'

const { PORT, UPSTREAM, REDIS, JWT_SECRET } = process.env
const verify = createVerifier({ key: JWT_SECRET, algorithms: ['HS256'], cache: true })
const redis = new Redis(Number(REDIS), '127.0.0.1', { enableAutoPipelining: true })
const provider = new Pool(`http://127.0.0.1:${UPSTREAM}`, { connections: 64 })
const app = Fastify()

app.post('/verifications', {
  schema: {
    body: {
      type: 'object',
      required: ['to', 'channel'],
      properties: { to: { type: 'string' }, channel: { enum: ['sms', 'voice'] } }
    }
  }
}, async (request, reply) => {
  const { tenant } = verify(request.headers.authorization.slice('Bearer '.length))
  const key = `peer:key:${tenant}:${request.headers['idempotency-key']}`
  if (await redis.set(key, '', 'EX', 86400, 'NX') === null) return reply.code(409).send()
  const { to, channel } = request.body
  const answer = await provider.request({
    method: 'POST',
    path: '/verificacao',
    headers: { 'content-type': 'application/json', 'access-token': 'bench' },
    body: JSON.stringify({ numero_destino: to, nome_produto: 'bench', tamanho: 6, tts: channel === 'voice' })
  })
  const { dados } = await answer.body.json()
  const record = { id: `ver_${randomUUID()}`, to, channel, status: 'pending', provider: dados.id }
  const text = JSON.stringify(record)
  await Promise.all([
    redis.set(`peer:verification:${record.id}`, text, 'EX', 3600),
    redis.set(key, text, 'EX', 86400),
    redis.xadd('peer:events', '*', 'e', text)
  ])
  return reply.code(201).header('location', `/verifications/${record.id}`).send(record)
})

await app.listen({ port: Number(PORT), host: '127.0.0.1' })
