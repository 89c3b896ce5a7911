import { request } from 'node:http'
import { loadConfig } from '../config/index.ts'
import { messageOf } from '../platform/errors.ts'
import type { RunCommand } from './command.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts'

const TIMEOUT_MS = 5_000
const MOST_BYTES = 64 * 1024

export const run: RunCommand = async ({ env, stdout }, args) => {
  const { http } = loadConfig({ env, isTerminal: false })
  const answer = await askReady(localHost(http.host), http.port)
  const ready = answer.status === 200
  if (args.flag('json')) stdout.write(`${JSON.stringify({ ready, ...answer })}\n`)
  else stdout.write(`${ready ? 'ready' : `not ready: ${answer.detail}`}\n`)
  return ready ? EXIT_OK : EXIT_FAILED
}

/** An address that means "every interface" is asked on loopback. */
function localHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

interface ReadyAnswer {
  readonly status: number
  readonly detail: string
}

function askReady(host: string, port: number): Promise<ReadyAnswer> {
  return new Promise((resolve) => {
    const call = request({ host, port, path: '/readyz', timeout: TIMEOUT_MS }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        if (body.length < MOST_BYTES) body += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, detail: detailOf(body) }),
      )
      response.on('error', (error) => resolve({ status: 0, detail: messageOf(error) }))
    })
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    call.on('error', (error) => {
      resolve({ status: 0, detail: `${messageOf(error)} (${host}:${port})` })
    })
    call.end()
  })
}

/** The `detail` of a problem+json answer, or the start of whatever came. */
function detailOf(body: string): string {
  try {
    const answer: unknown = JSON.parse(body)
    if (typeof answer === 'object' && answer !== null && 'detail' in answer) {
      return String(answer.detail)
    }
  } catch {
    // Not JSON: show it as it is.
  }
  return body.slice(0, 200)
}
