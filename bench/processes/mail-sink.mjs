// A server to deliver to: STARTTLS, counts what it takes, and can be slow or refuse connections beyond a number with 432.
// A line on standard input asks for the counts; instants are milliseconds since 1970.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { SMTPServer } from 'smtp-server'

const [certificate = '', key = '', delay = '0', most = '0'] = process.argv.slice(2)
const delayMs = Number(delay)
const mostConnections = Number(most)
const counts = { received: 0, connections: 0, mostAtOnce: 0, refused: 0, firstAt: 0, lastAt: 0 }
let open = 0
const now = () => performance.timeOrigin + performance.now()
const server = new SMTPServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  disableReverseLookup: true,
  authOptional: true,
  authMethods: ['PLAIN'],
  onAuth: (auth, _session, done) => done(null, { user: auth.username }),
  onConnect(_session, done) {
    open++
    counts.connections++
    counts.mostAtOnce = Math.max(counts.mostAtOnce, open)
    done()
  },
  onClose() {
    open--
  },
  onMailFrom(_address, _session, done) {
    if (mostConnections === 0 || open <= mostConnections) return done()
    counts.refused++
    done(
      Object.assign(new Error('4.3.2 Concurrent connections limit exceeded'), {
        responseCode: 432,
      }),
    )
  },
  onData(stream, _session, done) {
    stream.on('end', () => {
      const take = () => {
        counts.received++
        counts.lastAt = now()
        counts.firstAt ||= counts.lastAt
        done(null, '2.0.0 OK')
      }
      if (delayMs > 0) setTimeout(take, delayMs)
      else take()
    })
    stream.resume()
  },
})
server.on('error', () => {})
createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(`${JSON.stringify(counts)}\n`)
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.server.address().port })}\n`)
})
