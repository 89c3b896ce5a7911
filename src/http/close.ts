import type { FastifyInstance } from 'fastify'
import type { Clock } from '../platform/clock.ts'

/**
 * Stops accepting, lets requests that are being answered finish, and ends idle connections. Whoever still holds a
 * connection after `graceMs` is cut off.
 */
export async function closeHttpServer(
  app: Pick<FastifyInstance, 'close' | 'server'>,
  options: { graceMs: number; clock: Clock },
): Promise<void> {
  const finished = new AbortController()
  const closing = Promise.resolve(app.close()).finally(() => finished.abort())
  const cutOff = options.clock.sleep(options.graceMs, finished.signal).then(
    () => app.server.closeAllConnections(),
    () => undefined,
  )
  await Promise.all([closing, cutOff])
}

/**
 * Ends a kept-alive connection when the request that it carried into the closing has been answered; Node ends only
 * those that are idle at the moment of `close` (https://nodejs.org/api/http.html#serverclosecallback).
 */
export function endConnectionsWhileClosing(app: FastifyInstance): void {
  app.addHook('onResponse', (_request, _reply, done) => {
    if (!app.server.listening) setImmediate(() => app.server.closeIdleConnections())
    done()
  })
}
