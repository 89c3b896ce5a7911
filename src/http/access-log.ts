import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { findPrincipal } from './authentication.ts'

/** One line for each request: where an error stops, and the only place that logs it. */
export interface AccessLog {
  /** Remembers why the request failed, for its line. */
  failed(request: FastifyRequest, error: PosternError): void
}

/** Debug level when all is well or the caller erred, warn when Postern could not do it, error when it met a defect. */
export function addAccessLog(app: FastifyInstance, deps: { log: Logger }): AccessLog {
  const { log } = deps
  const failures = new WeakMap<FastifyRequest, PosternError>()

  app.addHook('onResponse', (request, reply, done) => {
    const error = failures.get(request)
    if (error?.kind === 'internal') {
      log.error({ ...factsOf(request, reply), err: error.cause ?? error }, 'request failed')
    } else if (reply.statusCode >= 500) {
      log.warn({ ...factsOf(request, reply), ...reasonOf(error) }, 'request not possible')
    } else if (log.isLevelEnabled('debug')) {
      log.debug({ ...factsOf(request, reply), ...reasonOf(error) }, 'request answered')
    }
    done()
  })

  return { failed: (request, error) => failures.set(request, error) }
}

/** The route's pattern and not its address: query strings and ids stay out of the log. */
function factsOf(request: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  return {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    address: request.ip,
    caller: findPrincipal(request)?.name ?? null,
  }
}

function reasonOf(error: PosternError | undefined): Record<string, unknown> {
  if (error === undefined) return {}
  return {
    code: error.code,
    reason: error.message,
    ...error.fields,
    ...(error.cause !== undefined && { err: error.cause }),
  }
}
