// Checks letters with the published library: verify.js FILE SECRET
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { Webhook } = require('standardwebhooks')

const [file, secret] = process.argv.slice(2)
const letters = JSON.parse(fs.readFileSync(file, 'utf8'))
const encoded = secret.startsWith('whsec_')
const webhook = encoded ? new Webhook(secret) : new Webhook(secret, { format: 'raw' })
const stranger = new Webhook('whsec_' + Buffer.from('somebody else').toString('base64'))

assert.ok(letters.length > 0)
for (const { headers, body } of letters) {
  assert.equal(webhook.verify(body, headers).id, headers['webhook-id'])
  assert.throws(() => webhook.verify(body + ' ', headers))
  assert.throws(() => webhook.verify(body, { ...headers, 'webhook-id': 'evt_other' }))
  assert.throws(() => stranger.verify(body, headers))
}
