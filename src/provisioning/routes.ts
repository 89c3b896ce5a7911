import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SyncStatus } from './api.ts'
import type { Provisioning } from './provisioning.ts'

export const SYNC_TAG = {
  name: 'sync',
  description: 'The settings file and whether it is in force',
}

export function syncRoutes(deps: { provisioning: Provisioning }): FastifyPluginAsyncTypebox {
  const { provisioning } = deps
  return async (app) => {
    app.get(
      '/sync',
      {
        config: { permission: 'monitor' },
        schema: {
          tags: [SYNC_TAG.name],
          summary: 'Read the state of the config sync',
          description: 'The last run with its hash and problems, and what differs now.',
          response: { 200: SyncStatus },
        },
      },
      async () => await provisioning.report(),
    )
  }
}
