import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PosternError } from '../platform/errors.ts'
import type { Permission } from './permission.ts'

/** Who called, as far as this server needs to know. */
export interface HttpPrincipal {
  readonly tokenId: string
  readonly name: string
  /** With everything that a scope includes. */
  readonly scopes: ReadonlySet<string>
}

/** Throws (or rejects with) a PosternError of kind unauthenticated or rate_limited. */
export type Authenticate = (
  authorization: string | undefined,
  address: string,
) => HttpPrincipal | Promise<HttpPrincipal>

/** The caller in the form in which changes are recorded. */
export interface HttpActor {
  readonly type: 'token'
  readonly id: string
  readonly name: string
  readonly address: string
}

/** Keyed by the request itself, so that an entry lives exactly as long as its request. */
const principals = new WeakMap<FastifyRequest, HttpPrincipal>()

/** The caller of a route that is not public. */
export function principalOf(request: FastifyRequest): HttpPrincipal {
  const principal = principals.get(request)
  if (principal === undefined) throw new Error('a public route has no principal')
  return principal
}

export function findPrincipal(request: FastifyRequest): HttpPrincipal | undefined {
  return principals.get(request)
}

export function actorOf(request: FastifyRequest): HttpActor {
  const { tokenId, name } = principalOf(request)
  return { type: 'token', id: tokenId, name, address: request.ip }
}

/**
 * Checks token and permission before the body is read, so that strangers cannot make the server read one.
 * A known token is checked without a promise, which keeps polling cheap.
 */
export function addAuthentication(
  app: FastifyInstance,
  deps: { authenticate: Authenticate },
): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { permission } = request.routeOptions.config
    if (permission === 'public' || request.is404) {
      done()
      return
    }
    const admit = (principal: HttpPrincipal): PosternError | undefined => {
      principals.set(request, principal)
      return permission !== undefined && principal.scopes.has(permission)
        ? undefined
        : forbidden(principal, permission)
    }
    try {
      const principal = deps.authenticate(request.headers.authorization, request.ip)
      if (principal instanceof Promise) {
        principal.then((found) => done(admit(found)), done)
      } else {
        done(admit(principal))
      }
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

function forbidden(principal: HttpPrincipal, permission: Permission | undefined): PosternError {
  return new PosternError(
    `The token “${principal.name}” lacks the scope “${permission}” that this request needs. Use another token, or ask an administrator to make one.`,
    { kind: 'forbidden', code: 'scope_missing', details: { requiredScope: permission } },
  )
}
