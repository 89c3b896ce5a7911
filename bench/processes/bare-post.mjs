// The baseline of accepting a message: one Fastify route that stores what is posted with one durable insert.
import Sqlite from 'better-sqlite3'
import { fastify } from 'fastify'

const [file = ''] = process.argv.slice(2)
const sqlite = new Sqlite(file)
sqlite.pragma('journal_mode = WAL')
sqlite.pragma('synchronous = FULL')
sqlite.exec('create table if not exists message (seq integer primary key, body text not null)')
const insert = sqlite.prepare('insert into message (body) values (?)')
const app = fastify()

app.post('/bare', (request, reply) => {
  const { lastInsertRowid } = insert.run(JSON.stringify(request.body))
  reply.code(202).send({ id: Number(lastInsertRowid) })
})

const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ url })}\n`)
