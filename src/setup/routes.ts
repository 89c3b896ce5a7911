import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProfileId } from '../profiles/api.ts'
import { ScriptVariant, SetupGuide } from './api.ts'
import type { SetupGuides } from './create-setup-guide.ts'

export const SETUP_TAG = {
  name: 'setup',
  description: 'The steps of the setup in Microsoft Entra, Exchange Online and Postern',
}

const closed = { additionalProperties: false }
const tags = [SETUP_TAG.name]
const params = Type.Object({ id: ProfileId }, closed)

/** Routes below the API's prefix. */
export function setupRoutes({ setup }: { setup: SetupGuides }): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/profiles/:id/setup',
      {
        config: { permission: 'monitor' },
        schema: {
          tags,
          summary: 'Read the setup guide of a profile',
          description:
            'Every step with its state, the evidence for it, and the commands with the profile’s own ids.',
          params,
          response: { 200: SetupGuide },
        },
      },
      async (request) => setup.guide(request.params.id),
    )

    app.get(
      '/profiles/:id/setup/script',
      {
        config: { permission: 'monitor' },
        schema: {
          tags,
          summary: 'Download the setup as a PowerShell script',
          description:
            'Safe to run again: each step looks first, changes only what is missing, and looks again. Holds no secret.',
          params,
          querystring: Type.Object({ variant: Type.Optional(ScriptVariant) }, closed),
          produces: ['text/plain'],
          response: { 200: Type.String() },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const script = await setup.script(id, request.query.variant)
        return reply
          .type('text/plain; charset=utf-8')
          .header('content-disposition', `attachment; filename="postern-setup-${id}.ps1"`)
          .send(script)
      },
    )
  }
}
