import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  type Authenticate,
  createHttpServer,
  type HttpServer,
  registerOpenApi,
} from '../../src/http/index.ts'
import { PosternError } from '../../src/platform/errors.ts'
import { captureLog, type LogCapture } from './log.ts'

export interface TestServer extends AsyncDisposable {
  readonly app: HttpServer
  readonly log: LogCapture
  /** Listens on 127.0.0.1 and a free port; answers the origin. */
  listen(): Promise<string>
}

export interface TestServerOptions {
  /** Registered under /api/v1, as the agent does. */
  routes?: readonly FastifyPluginAsyncTypebox[]
  /** Registered at the root. */
  rootRoutes?: readonly FastifyPluginAsyncTypebox[]
  authenticate?: Authenticate
  bodyLimitBytes?: number
  openApi?: boolean
}

/** The server as the agent builds it, with the given routes. */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const log = captureLog()
  const { bodyLimitBytes } = options
  const app = createHttpServer({
    log: log.log,
    authenticate: options.authenticate ?? authenticateByScope,
    ...(bodyLimitBytes !== undefined && { bodyLimitBytes }),
  })
  if (options.openApi === true) registerOpenApi(app, { version: '1.2.3', tags: [] })
  for (const routes of options.rootRoutes ?? []) app.register(routes)
  for (const routes of options.routes ?? []) app.register(routes, { prefix: '/api/v1' })
  return {
    app,
    log,
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

/** Takes `Bearer monitor operator` as a caller with exactly these scopes. */
export const authenticateByScope: Authenticate = (authorization) => {
  const [scheme, ...scopes] = (authorization ?? '').split(' ')
  if (scheme !== 'Bearer') {
    throw new PosternError('This needs a token.', {
      kind: 'unauthenticated',
      code: 'token_missing',
    })
  }
  return { tokenId: 'token-1', name: 'tester', scopes: new Set(scopes) }
}

/** Headers of a caller that authenticateByScope() lets do everything. */
export const ALL_SCOPES = { authorization: 'Bearer admin operator send monitor' }
