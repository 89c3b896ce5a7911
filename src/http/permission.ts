import type { FastifyInstance } from 'fastify'

/** What a route asks of its caller: one of the token scopes, or nothing at all. */
const PERMISSIONS = ['public', 'monitor', 'send', 'operator', 'admin'] as const
export type Permission = (typeof PERMISSIONS)[number]

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route names it; the server refuses to start otherwise. */
    permission?: Permission
  }
}

/**
 * Holds every route to naming its permission, so that no route is open by being forgotten.
 * `publicPrefix` is for pages whose routes come from a library that cannot name one.
 */
export function requirePermissions(app: FastifyInstance, options: { publicPrefix: string }): void {
  const { publicPrefix } = options
  app.addHook('onRoute', (route) => {
    if (route.config?.permission !== undefined) return
    if (route.url === publicPrefix || route.url.startsWith(`${publicPrefix}/`)) {
      route.config = { ...route.config, permission: 'public' }
      return
    }
    throw new Error(
      `route ${String(route.method)} ${route.url} names no permission: set config.permission to one of ${PERMISSIONS.join(', ')}`,
    )
  })
}
