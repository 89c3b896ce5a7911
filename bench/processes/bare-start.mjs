// The baseline of a start: imports the packages named as arguments, listens, and does nothing else.
import { createServer } from 'node:http'

await Promise.all(process.argv.slice(2).map((name) => import(name)))

const server = createServer((_request, response) => response.end('ready'))
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })}\n`)
})
