// A facade as one writes it in an afternoon: Express, the provider's own SDK, a token check, a record in Redis.
const { randomUUID } = require('node:crypto')
const express = require('express')
const { Redis } = require('ioredis')
const jwt = require('jsonwebtoken')
const Totalvoice = require('totalvoice-node')

const { PORT, UPSTREAM, REDIS, JWT_SECRET } = process.env
const redis = new Redis(Number(REDIS), '127.0.0.1')
const provider = new Totalvoice('bench', `http://127.0.0.1:${UPSTREAM}`)
const app = express()

app.use(express.json())
app.post('/verifications', async (request, response) => {
  const { tenant } = jwt.verify(request.headers.authorization.slice('Bearer '.length), JWT_SECRET, { algorithms: ['HS256'] })
  const key = `peer:key:${tenant}:${request.headers['idempotency-key']}`
  if (await redis.set(key, '', 'EX', 86400, 'NX') === null) return response.sendStatus(409)
  const { to, channel } = request.body
  const { dados } = await provider.verificacao.enviar(to, 'bench', 6, channel === 'voice')
  const record = { id: `ver_${randomUUID()}`, to, channel, status: 'pending', provider: dados.id }
  await redis.set(`peer:verification:${record.id}`, JSON.stringify(record), 'EX', 3600)
  response.status(201).location(`/verifications/${record.id}`).json(record)
})

app.listen(Number(PORT), '127.0.0.1')
