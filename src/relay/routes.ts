import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { actorOf } from '../http/api.ts'
import { RelayClientInput, RelayClientSaved, RelayClientView } from './api.ts'
import type { RelayClients } from './clients/index.ts'

export const RELAY_TAG = {
  name: 'relay',
  description: 'Applications and devices that hand in mail over SMTP, each with its own credential',
}

const closed = { additionalProperties: false }
const tags = [RELAY_TAG.name]
const config = { permission: 'admin' } as const
const params = Type.Object({ id: Type.String({ description: 'Id of the client' }) }, closed)

export function relayClientRoutes(deps: {
  clients: Pick<RelayClients, 'list' | 'get' | 'create' | 'replace' | 'remove'>
}): FastifyPluginAsyncTypebox {
  const { clients } = deps
  return async (app) => {
    app.get(
      '/relay-clients',
      {
        config,
        schema: {
          tags,
          summary: 'List the relay clients',
          description: 'In the order in which they were made. Their secrets are not stored.',
          response: { 200: Type.Object({ clients: Type.Array(RelayClientView) }, closed) },
        },
      },
      async () => ({ clients: [...(await clients.list())] }),
    )

    app.post(
      '/relay-clients',
      {
        config,
        schema: {
          tags,
          summary: 'Make a relay client',
          description: 'The answer is the only place where a generated secret is shown.',
          body: RelayClientInput,
          response: { 201: RelayClientSaved },
        },
      },
      async (request, reply) => {
        reply.code(201)
        return await clients.create(request.body, actorOf(request))
      },
    )

    app.get(
      '/relay-clients/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Read a relay client',
          params,
          response: { 200: RelayClientView },
        },
      },
      async (request) => await clients.get(request.params.id),
    )

    app.put(
      '/relay-clients/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Change a relay client',
          description:
            'The settings are replaced as a whole; the secret stays, unless its kind changes or a new one is asked for. Counts from the next message on, in open connections too.',
          params,
          body: RelayClientInput,
          response: { 200: RelayClientSaved },
        },
      },
      async (request) => await clients.replace(request.params.id, request.body, actorOf(request)),
    )

    app.delete(
      '/relay-clients/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Remove a relay client',
          description:
            'It can hand in nothing more, at once. Mail that was accepted is still sent.',
          params,
          response: { 204: Type.Null({ description: 'Removed' }) },
        },
      },
      async (request, reply) => {
        await clients.remove(request.params.id, actorOf(request))
        return reply.code(204).send(null)
      },
    )
  }
}
