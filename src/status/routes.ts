import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { Status } from './api.ts'
import type { Metrics } from './metrics.ts'
import type { StatusBoard } from './status-board.ts'

export const STATUS_TAG = {
  name: 'status',
  description: 'What dashboards poll, and metrics',
}

/** GET /status under the API's prefix. The JSON is ready-made, so no serializer runs per request. */
export function statusRoutes(deps: { board: StatusBoard }): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/status',
      {
        config: { permission: 'monitor' },
        schema: {
          tags: [STATUS_TAG.name],
          summary: 'Overall status and the state of every profile',
          response: { 200: Status },
        },
        serializerCompiler: () => () => deps.board.currentJson(),
      },
      (_request, reply) => {
        reply.send(deps.board.current())
      },
    )
  }
}

/** GET /metrics at the root: Prometheus text format. */
export function metricsRoutes(deps: {
  metrics: Metrics
  isPublic: boolean
}): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/metrics',
      {
        config: { permission: deps.isPublic ? 'public' : 'monitor' },
        schema: {
          tags: [STATUS_TAG.name],
          summary: 'Metrics in the Prometheus text format',
          produces: ['text/plain'],
          response: { 200: Type.String() },
        },
      },
      async (_request, reply) => {
        const { contentType, text } = await deps.metrics.render()
        return reply.type(contentType).send(text)
      },
    )
  }
}
