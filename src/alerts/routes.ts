import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { actorOf, Problem } from '../http/api.ts'
import type { Alerts } from './alerts.ts'
import { Alert, SilenceInput } from './api.ts'

export const ALERTS_TAG = {
  name: 'alerts',
  description: 'Open and past problems, and who was told',
}

const closed = { additionalProperties: false }
const tags = [ALERTS_TAG.name]
const reading = { permission: 'monitor' } as const
const acting = { permission: 'operator' } as const
const alreadyResolved = {
  description: 'alert_resolved: there is nothing left to do',
  content: { 'application/problem+json': { schema: Problem } },
}
const params = Type.Object({ id: Type.String({ description: 'Id of the alert' }) }, closed)

export function alertRoutes(deps: {
  alerts: Pick<Alerts, 'list' | 'get' | 'acknowledge' | 'silence' | 'unsilence'>
}): FastifyPluginAsyncTypebox {
  const { alerts } = deps
  return async (app) => {
    app.get(
      '/alerts',
      {
        config: reading,
        schema: {
          tags,
          summary: 'List the alerts',
          description: 'Newest first.',
          querystring: Type.Object(
            {
              state: Type.Optional(
                Type.Enum(['open', 'resolved'], {
                  description: 'open: also those that are acknowledged or silenced',
                }),
              ),
              profileId: Type.Optional(Type.String()),
              limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
            },
            closed,
          ),
          response: { 200: Type.Object({ alerts: Type.Array(Alert) }, closed) },
        },
      },
      async ({ query }) => ({ alerts: [...(await alerts.list(query))] }),
    )

    app.get(
      '/alerts/:id',
      {
        config: reading,
        schema: { tags, summary: 'Read an alert', params, response: { 200: Alert } },
      },
      async (request) => await alerts.get(request.params.id),
    )

    app.post(
      '/alerts/:id/acknowledge',
      {
        config: acting,
        schema: {
          tags,
          summary: 'Acknowledge an alert',
          description:
            'Somebody cares: no reminders until the diagnosis changes. Doing it again changes nothing.',
          params,
          response: { 200: Alert, 409: alreadyResolved },
        },
      },
      async (request) => await alerts.acknowledge(request.params.id, actorOf(request)),
    )

    app.post(
      '/alerts/:id/silence',
      {
        config: acting,
        schema: {
          tags,
          summary: 'Silence an alert for a time',
          description:
            'No mail about it until then; what waits is sent afterwards, the all-clear too.',
          params,
          body: SilenceInput,
          response: { 200: Alert, 409: alreadyResolved },
        },
      },
      async (request) => await alerts.silence(request.params.id, request.body, actorOf(request)),
    )

    app.delete(
      '/alerts/:id/silence',
      {
        config: acting,
        schema: {
          tags,
          summary: 'End the silence of an alert',
          description:
            'What waits is sent now, the all-clear of a resolved alert too. Doing it again changes nothing.',
          params,
          response: { 200: Alert },
        },
      },
      async (request) => await alerts.unsilence(request.params.id, actorOf(request)),
    )
  }
}
