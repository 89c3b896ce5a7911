// The baseline of a relay: smtp-server that takes mail over STARTTLS with AUTH and throws it away.
import { readFileSync } from 'node:fs'
import { SMTPServer } from 'smtp-server'

const [certificate = '', key = ''] = process.argv.slice(2)
const server = new SMTPServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  disableReverseLookup: true,
  authMethods: ['PLAIN'],
  onAuth: (auth, _session, done) => done(null, { user: auth.username }),
  onData(stream, _session, done) {
    stream.on('end', () => done(null, 'OK'))
    stream.resume()
  },
})
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.server.address().port })}\n`)
})
