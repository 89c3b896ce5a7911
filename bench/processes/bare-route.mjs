// The baseline of an answer: one Fastify route that returns the bytes of a file, without authentication.
import { readFileSync } from 'node:fs'
import { fastify } from 'fastify'

const [file = ''] = process.argv.slice(2)
const body = readFileSync(file, 'utf8')
const app = fastify()

app.get('/bare', (_request, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(body)
})

const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ url })}\n`)
