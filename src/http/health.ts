import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { PosternError } from '../platform/errors.ts'
import { REFERENCE_PATH } from './reference.ts'

export interface Readiness {
  readonly ready: boolean
  /** What is missing, in sentences that anybody may read. */
  readonly problems: readonly string[]
}

export const HEALTH_TAG = {
  name: 'health',
  description: 'Whether the process lives and can do its work; for orchestrators, without a token',
}

/** `/livez`, `/readyz` and the way from `/` to the pages. */
export function healthRoutes(deps: {
  ready: () => Readiness | Promise<Readiness>
}): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/livez',
      {
        config: { permission: 'public' },
        schema: {
          tags: [HEALTH_TAG.name],
          summary: 'The process lives',
          response: { 200: Type.Object({ status: Type.Literal('ok') }) },
        },
      },
      async () => ({ status: 'ok' as const }),
    )

    app.get(
      '/readyz',
      {
        config: { permission: 'public' },
        schema: {
          tags: [HEALTH_TAG.name],
          summary: 'The agent can do its work',
          description: 'Answers 503 with the reason when it cannot.',
          response: { 200: Type.Object({ status: Type.Literal('ready') }) },
        },
      },
      async () => {
        const { ready, problems } = await deps.ready()
        if (!ready) {
          throw new PosternError(['Postern is not ready.', ...problems].join(' '), {
            kind: 'unavailable',
            code: 'not_ready',
          })
        }
        return { status: 'ready' as const }
      },
    )

    app.get('/', { config: { permission: 'public' }, schema: { hide: true } }, async (_, reply) =>
      reply.redirect(REFERENCE_PATH),
    )
  }
}
