import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { actorOf } from '../http/api.ts'
import type { Audit, Tokens } from './access.ts'
import { AuditEntry, TokenCreated, TokenInput, TokenView } from './api.ts'

export const ACCESS_TAG = {
  name: 'access',
  description: 'API tokens, and the record of who changed what',
}

const closed = { additionalProperties: false }
const MOST_ENTRIES = 500
const tags = [ACCESS_TAG.name]
const config = { permission: 'admin' } as const

export function accessRoutes(deps: { tokens: Tokens; audit: Audit }): FastifyPluginAsyncTypebox {
  const { tokens, audit } = deps
  return async (app) => {
    app.get(
      '/tokens',
      {
        config,
        schema: {
          tags,
          summary: 'List the tokens',
          description: 'Newest first, revoked ones included. The tokens themselves are not stored.',
          response: { 200: Type.Object({ tokens: Type.Array(TokenView) }, closed) },
        },
      },
      async () => ({ tokens: [...(await tokens.list())] }),
    )

    app.post(
      '/tokens',
      {
        config,
        schema: {
          tags,
          summary: 'Make a token',
          description: 'The answer is the only place where the token is shown.',
          body: TokenInput,
          response: { 201: TokenCreated },
        },
      },
      async (request, reply) => {
        reply.code(201)
        return await tokens.create(request.body, actorOf(request))
      },
    )

    app.delete(
      '/tokens/:id',
      {
        config,
        schema: {
          tags,
          summary: 'Revoke a token',
          description: 'It stops working at once. Revoking it again changes nothing.',
          params: Type.Object({ id: Type.String({ description: 'Id of the token' }) }, closed),
          response: { 204: Type.Null({ description: 'Revoked' }) },
        },
      },
      async (request, reply) => {
        await tokens.revoke(request.params.id, actorOf(request))
        return reply.code(204).send(null)
      },
    )

    app.get(
      '/audit',
      {
        config,
        schema: {
          tags,
          summary: 'Read who changed what',
          description: 'Newest first. For the next page, pass `nextBefore` as `before`.',
          querystring: Type.Object(
            {
              limit: Type.Integer({ minimum: 1, maximum: MOST_ENTRIES, default: 50 }),
              before: Type.Optional(
                Type.Integer({ minimum: 1, description: 'Only entries with a smaller id' }),
              ),
              targetType: Type.Optional(Type.String({ examples: ['profile'] })),
              targetId: Type.Optional(Type.String()),
            },
            closed,
          ),
          response: {
            200: Type.Object(
              {
                entries: Type.Array(AuditEntry),
                nextBefore: Type.Union([Type.Integer(), Type.Null()], {
                  description: 'null: there is nothing older',
                }),
              },
              closed,
            ),
          },
        },
      },
      async ({ query }) => {
        const found = await audit.list({ ...query, limit: query.limit + 1 })
        const entries = found.slice(0, query.limit)
        const last = found.length > query.limit ? entries.at(-1) : undefined
        return { entries, nextBefore: last?.id ?? null }
      },
    )
  }
}
