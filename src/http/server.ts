import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import { PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type AccessLog, addAccessLog } from './access-log.ts'
import { type Authenticate, addAuthentication } from './authentication.ts'
import { answerClientError } from './client-error.ts'
import { endConnectionsWhileClosing } from './close.ts'
import { toPosternError } from './framework-error.ts'
import { requirePermissions } from './permission.ts'
import { PROBLEM_MEDIA_TYPE, problemHeaders, problemOf, statusOf } from './problem.ts'
import { REFERENCE_PATH } from './reference.ts'
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts'
import { createRouteTable, type RouteTable } from './route-table.ts'
import { compileSerializer } from './serialization.ts'
import { compileValidator } from './validation.ts'

export type HttpServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface HttpServerDeps {
  log: Logger
  authenticate: Authenticate
  bodyLimitBytes?: number
}

const DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024
/** A caller has this long to send its headers, and this long to send everything: a large message over a slow line. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 5 * 60_000
/** Longer than the idle time of common proxies (60 s), so that it is they who close. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000
const LONGEST_PARAMETER = 200

/** The few headers that answers of an API need; pages bring their own (reference.ts). */
const API_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** The server sets its own; without these the framework would load those that it brings, at every start. */
const NO_COMPILERS = {
  buildValidator: (): never => {
    throw new Error('schemas are added to the server as a whole')
  },
  buildSerializer: (): never => {
    throw new Error('schemas are added to the server as a whole')
  },
}

/** A server without routes. It listens when its `listen` is called; closeHttpServer ends it. */
export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const routes = createRouteTable()
  const logger: FastifyBaseLogger = deps.log.child({}, { serializers: MESSAGE_SERIALIZERS })
  const app: HttpServer = fastify({
    loggerInstance: logger,
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: deps.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    schemaController: { compilersFactory: NO_COMPILERS },
    // Addresses limit failed logins, so they must not come from a header that anybody can write.
    trustProxy: false,
    requestIdHeader: false,
    genReqId: requestIdOf,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // A request that still arrives on an open connection is answered, and its connection then ended.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request, reply)
      sendProblem(toPosternError(error), request, reply)
    },
    clientErrorHandler(error, socket: Socket) {
      answerClientError(error, socket)
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
  app.removeContentTypeParser('text/plain')
  requirePermissions(app, { publicPrefix: REFERENCE_PATH })
  app.addHook('onRoute', ({ method, url }) => routes.add(method, url))
  app.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply)
    done()
  })
  const accessLog = addAccessLog(app, { log: deps.log })
  addAuthentication(app, deps)
  endConnectionsWhileClosing(app)
  answerErrors(app, { routes, accessLog })
  return app
}

function answerErrors(
  app: FastifyInstance,
  deps: { routes: RouteTable; accessLog: AccessLog },
): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toPosternError(thrown)
    deps.accessLog.failed(request, error)
    return sendProblem(error, request, reply)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = deps.routes.methodsFor(path)
    if (methods.length === 0) throw notFound()
    reply.header('allow', methods.join(', '))
    throw new PosternError(
      `This address does not take ${request.method}. It takes: ${methods.join(', ')}.`,
      { kind: 'invalid', code: 'method_not_allowed' },
    )
  })
}

function notFound(): PosternError {
  return new PosternError('There is nothing at this address. The API is described at /docs.', {
    kind: 'not_found',
    code: 'route_unknown',
  })
}

function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(API_HEADERS).header(REQUEST_ID_HEADER, request.id)
}

/** Sent as text, so that no response schema of the route can drop a member of it. */
function sendProblem(error: PosternError, request: FastifyRequest, reply: FastifyReply) {
  return reply
    .code(statusOf(error))
    .headers(problemHeaders(error))
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problemOf(error, request.id)))
}

/** What the framework itself may log of a request or an answer: no headers, no query string. */
const MESSAGE_SERIALIZERS = {
  req: (request: unknown) => partsOf(request),
  res: (reply: unknown) => partsOf(reply),
}

function partsOf(message: unknown): Record<string, unknown> {
  if (typeof message !== 'object' || message === null) return {}
  return {
    ...('method' in message && { method: message.method }),
    ...('statusCode' in message && { status: message.statusCode }),
  }
}
